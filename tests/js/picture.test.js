// The page takes the picture that fits.
import assert from "node:assert/strict";
import { test } from "node:test";
import { layoutPicture } from "../../static/js/figures/picture.js";

const picture = (width) => ({ width, height: 10, shapes: [] });
const figure = { layout: { pictures: { 300: picture(300), 640: picture(640), 960: picture(960) } } };

test("the widest picture that there is room for is shown", () => {
  assert.equal(layoutPicture(figure, 1200).width, 960);
  assert.equal(layoutPicture(figure, 700).width, 640);
  assert.equal(layoutPicture(figure, 639).width, 300);
});

test("where the height is given too, the picture with the largest letters there is shown", () => {
  const shaped = (width, height) => ({ width, height, shapes: [] });
  const pictures = { 300: shaped(300, 1200), 640: shaped(640, 700), 780: shaped(690, 330), 960: shaped(960, 520) };
  const chosen = (width, height) => layoutPicture({ layout: { pictures } }, width, null, "", height).width;
  assert.equal(chosen(652, 342), 690); // a card: it is drawn smaller than it is
  assert.equal(chosen(1300, 620), 690); // a slide
  assert.equal(chosen(350, 1400), 300);
});

test("where no picture fits, the narrowest is shown", () => {
  assert.equal(layoutPicture(figure, 200).width, 300);
});

test("before the first row there is nothing to show", () => {
  assert.deepEqual(layoutPicture({ layout: { pictures: {} } }, 500), { width: 500, height: 0, shapes: [] });
});
