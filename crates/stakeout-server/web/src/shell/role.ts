// What people may do, by their roles: the server decides, the page says so before a form is filled in.

/** Each may do what those before it may. */
const ROLES = ["viewer", "analyst", "reviewer", "admin"];
/** The least role for what is done. */
const NEEDED = { "add scenes": "analyst", "place scenes": "analyst", "compare scenes": "analyst", "make sites": "admin" } as const;
export type Deed = keyof typeof NEEDED;

/** Whether a role may do what another one may. */
export const isAtLeast = (role: string, least: string) => ROLES.indexOf(role) >= ROLES.indexOf(least);

/** Why somebody may not do something; `null` where they may, and while nobody is signed in yet. */
export function whyNot(role: string | null, deed: Deed): string | null {
  const needed = NEEDED[deed];
  if (role === null || isAtLeast(role, needed)) return null;
  return `To ${deed} takes the role ${needed}; yours is ${role}`;
}
