// A place for one thing at a time, such as the tool in hand: whoever takes it ends what had it.

interface Holder { readonly name: string; readonly end: () => void; readonly isUnsaved: () => boolean }

export class Slot {
  private holder: Holder | null = null;

  /** Who has it. */
  get holds(): string | null {
    return this.holder?.name ?? null;
  }

  /** Whether what has it would lose something if it were ended now. */
  get isUnsaved(): boolean {
    return this.holder?.isUnsaved() ?? false;
  }

  /** Takes the place, ending what had it; gives what leaves it, which does nothing once another has it. */
  take(name: string, end: () => void, isUnsaved = () => false): () => void {
    const own: Holder = { name, end, isUnsaved };
    const former = this.holder;
    // the former one may leave it while it ends
    this.holder = own;
    former?.end();
    return () => {
      if (this.holder === own) this.holder = null;
    };
  }
}
