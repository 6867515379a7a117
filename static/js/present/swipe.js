// A finger that goes sideways turns the slide; one that goes up or down scrolls, as always.
const FAR = 60; // pixels

// `turn(move)` hears of 1 and -1; where `isTaken(target)`, the finger belongs to what it touches.
export function hearSwipes(element, turn, isTaken) {
  let start = null;
  element.addEventListener("touchstart", ({ touches, target }) => {
    start = touches.length === 1 && !isTaken(target) ? touches[0] : null;
  }, { passive: true });
  element.addEventListener("touchend", ({ changedTouches: [end] }) => {
    const move = start ? swipe(start, end) : 0;
    start = null;
    if (move) {
      turn(move);
    }
  });
}

// Pure.
export function swipe(start, end) {
  const [dx, dy] = [end.clientX - start.clientX, end.clientY - start.clientY];
  return Math.abs(dx) < FAR || Math.abs(dx) < 2 * Math.abs(dy) ? 0 : -Math.sign(dx);
}
