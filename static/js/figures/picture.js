// A structure that the server has laid out as shapes, at a few widths. Pure.
import { scaleIn } from "./room.js";

// The widest that there is room for; where the height is given too, the one whose letters are largest there.
export function layoutPicture({ layout }, width, _measure, _patternId, height = Infinity) {
  const pictures = Object.keys(layout.pictures)
    .map(Number)
    .sort((a, b) => a - b)
    .map((wide) => ({ wide, picture: layout.pictures[wide] }));
  if (!pictures.length) {
    return { width, height: 0, shapes: [] };
  }
  if (Number.isFinite(height)) {
    const scale = ({ picture }) => scaleIn(picture, { width, height });
    return pictures.reduce((best, one) => (scale(one) >= scale(best) ? one : best)).picture;
  }
  return (pictures.findLast(({ wide }) => wide <= width) ?? pictures[0]).picture;
}
