// The divider between before and after: dragged, or moved by the arrow keys.

export class Swipe {
  private share = 0.5;

  constructor(private readonly handle: HTMLElement, private readonly moved: (share: number) => void) {
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      event.preventDefault();
      handle.focus();
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const stage = this.stage();
      this.set((event.clientX - stage.left) / stage.width);
    });
    handle.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      this.set(this.share + by);
    });
    this.set(this.share);
  }

  private stage(): DOMRect {
    return (this.handle.parentElement as HTMLElement).getBoundingClientRect();
  }

  private set(share: number): void {
    this.share = Math.min(1, Math.max(0, share));
    this.handle.style.left = `${this.share * 100}%`;
    this.handle.setAttribute("aria-valuenow", String(Math.round(this.share * 100)));
    this.moved(this.share);
  }
}
