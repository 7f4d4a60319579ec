// The divider between before and after: dragged, or moved by the arrow keys.

/** What an arrow key moves it by. */
const STEP = 0.02;

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
      const stage = (handle.parentElement as HTMLElement).getBoundingClientRect();
      this.set((event.clientX - stage.left) / stage.width);
    });
    handle.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -STEP, ArrowRight: STEP, Home: -1, End: 1 }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      this.set(this.share + by);
    });
  }

  show(share: number): void {
    this.share = share;
    this.handle.setAttribute("aria-valuenow", String(Math.round(share * 100)));
  }

  private set(share: number): void {
    this.moved(Math.min(1, Math.max(0, share)));
  }
}
