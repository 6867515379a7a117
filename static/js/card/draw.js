// The marks of the card's layout on a canvas, in the colours of the page.
import { literal } from "../figures/roles.js";
import { HEIGHT, WIDTH } from "./layout.js";

const LOGO = "M3.5 10h4l2-5.5 3.6 11 3-8 1.7 2.5h6.7";

// A font of the layout, {family, size, bold, italic}, as a canvas wants it.
export function fontOf({ family, size, bold, italic }, token) {
  return `${italic ? "italic " : ""}${bold ? 700 : 400} ${size}px ${token(family)}`;
}

export function measurer(token) {
  const context = document.createElement("canvas").getContext("2d");
  return (words, font) => {
    context.font = fontOf(font, token);
    return context.measureText(words).width;
  };
}

export function paint(canvas, marks, pictures, { scale, token }) {
  canvas.width = WIDTH * scale;
  canvas.height = HEIGHT * scale;
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  marks.forEach((mark) => PAINTERS[mark.kind](context, mark, token));
  pictures.forEach(({ image, x, y, width, height }) => context.drawImage(image, x, y, width, height));
  return canvas;
}

const PAINTERS = {
  rect(context, { x, y, width, height, fill, stroke }, token) {
    context.fillStyle = literal(fill, token);
    context.fillRect(x, y, width, height);
    if (stroke) {
      context.strokeStyle = literal(stroke, token);
      context.lineWidth = 1;
      context.strokeRect(Math.round(x) + 0.5, Math.round(y) + 0.5, Math.round(width) - 1, Math.round(height) - 1);
    }
  },
  text(context, { x, y, text, font, fill, align = "left" }, token) {
    context.font = fontOf(font, token);
    context.fillStyle = literal(fill, token);
    context.textAlign = align;
    context.fillText(text, x, y);
  },
  disc(context, { x, y, radius, fill }, token) {
    context.fillStyle = literal(fill, token);
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  },
  path(context, { x, y, scale, d, fill }) {
    context.save();
    context.translate(x, y);
    context.scale(scale, scale);
    context.fillStyle = fill;
    context.fill(new Path2D(d));
    context.restore();
  },
  logo(context, { x, y, width }, token) {
    context.save();
    context.translate(x, y);
    context.scale(width / 28, width / 28);
    context.beginPath();
    context.roundRect(0.75, 0.75, 26.5, 18.5, 3);
    context.fillStyle = token("--screen");
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = token("--ink");
    context.stroke();
    context.lineWidth = 1.8;
    context.lineJoin = context.lineCap = "round";
    context.strokeStyle = token("--signal");
    context.stroke(new Path2D(LOGO));
    context.restore();
  },
};
