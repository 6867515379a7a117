// How large a drawing can be in a room of a given width and height. Pure.

// By how much a picture grows or shrinks to fill the room, undistorted.
export const scaleIn = (picture, room) => Math.min(room.width / picture.width, room.height / picture.height);

const filled = (picture, room) => picture.width * picture.height * scaleIn(picture, room) ** 2;

// The picture that fills most of the room; of two alike the first.
export const fullestIn = (pictures, room) =>
  pictures.reduce((best, one) => (filled(one, room) > filled(best, room) ? one : best));

// A drawing chooses its own height. Laid out at this width, it has about the shape of the room.
export const widthFor = (picture, room, { narrowest, widest }) =>
  Math.round(Math.min(widest, Math.max(narrowest, (room.width * picture.height) / room.height)));
