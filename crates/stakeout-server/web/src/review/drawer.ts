// What the page keeps for the session, over a reload: in the browser's storage of the tab. Where that is full the page
// itself still has it, until it is left.

export class Drawer<Thing> {
  private things: readonly Thing[] | null = null;

  constructor(private readonly name: string, private readonly storage: () => Pick<Storage, "getItem" | "setItem">) {}

  get all(): readonly Thing[] {
    return (this.things ??= JSON.parse(this.storage().getItem(this.name) ?? "[]") as Thing[]);
  }

  /** Puts these in the place of what is there; says whether they outlive the page. */
  put(things: readonly Thing[]): boolean {
    this.things = things;
    try {
      this.storage().setItem(this.name, JSON.stringify(things));
      return true;
    } catch {
      return false;
    }
  }
}
