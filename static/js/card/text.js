// Text in several colours broken into lines that fit. Pure: `measure(words, font)` gives widths.

// A Han character can end a line, a Latin word cannot be broken; closing marks stay with what they close.
const PIECE = /[\u3000-\u303f\uff00-\uffef]|[\u2e80-\u2fff\u3040-\u9fff\uf900-\ufaff]|[^ \t\n\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]+|[ \t\n]+/g;
const CLOSING = /^[、。，．：；！？）》」』】〉”’…)\],.;:!?%×]/;
const OPENING = /[（《「『【〈“‘([]$/;

// Spans {text, role?, look?} → pieces that may not be broken, each a list of spans.
export function pieces(spans) {
  const found = [];
  for (const span of spans) {
    for (const text of span.text.match(PIECE) ?? []) {
      const before = found.at(-1);
      const blank = /^[ \t\n]/.test(text);
      const part = { ...span, text: blank ? " " : text };
      if (before && !blank && !before.blank && sticks(before, text)) {
        before.parts.push(part);
      } else {
        found.push({ blank, parts: [part] });
      }
    }
  }
  return found;
}

const textOf = (piece) => piece.parts.map((part) => part.text).join("");
const isHan = (letter) => /[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]/.test(letter);

// Whether a piece belongs to the one before it: "1.08×" and the full stop after it, not two Han characters.
function sticks(before, text) {
  const said = textOf(before);
  return CLOSING.test(text) || OPENING.test(said) || (!isHan(text[0]) && !isHan(said.at(-1)));
}

// Lines of pieces no wider than `room`; no line begins or ends with a blank.
export function wrap(spans, room, width) {
  const lines = [[]];
  let used = 0;
  for (const piece of pieces(spans)) {
    const wide = piece.parts.reduce((sum, part) => sum + width(part), 0);
    if (used + wide > room && !piece.blank && lines.at(-1).length) {
      lines.push([]);
      used = 0;
    }
    if (!piece.blank || lines.at(-1).length) {
      lines.at(-1).push(piece);
      used += wide;
    }
  }
  return lines.map(trimmed).filter((line) => line.length);
}

function trimmed(line) {
  return line.at(-1)?.blank ? line.slice(0, -1) : line;
}

// An answer is slanted; Chinese, which is never slanted, is bold.
export function lookOf({ look, text }) {
  const stressed = look === "answer";
  const han = /[\u2e80-\u9fff]/.test(text);
  return { italic: stressed && !han, bold: stressed && han };
}

// The first of the tries [size, lines] that the text needs no more lines for.
export function fit(spans, room, { tries, font }, measure) {
  const widthAt = (size) => (part) => measure(part.text, { ...font, size, ...lookOf(part) });
  for (const [size, most] of tries) {
    const lines = wrap(spans, room, widthAt(size));
    if (lines.length <= most) {
      return { size, lines: balanced(spans, room, lines, widthAt(size)) };
    }
  }
  const [size, most] = tries.at(-1);
  return cut({ size, lines: wrap(spans, room, widthAt(size)) }, most);
}

// The same number of lines, but no last one with a single word on it.
function balanced(spans, room, lines, width) {
  let best = lines;
  for (let share = 0.97; share > 0.6 && best.length > 1; share -= 0.03) {
    const tried = wrap(spans, room * share, width);
    if (tried.length > lines.length) {
      break;
    }
    best = tried;
  }
  return best;
}

// Too long even at the smallest size: the last line that fits ends with an ellipsis.
function cut({ size, lines }, most) {
  const kept = lines.slice(0, most);
  const last = kept.pop().slice(0, -1);
  return { size, lines: [...kept, [...trimmed(last), { parts: [{ text: "…" }] }]] };
}

// A line as parts with the x where each begins; neighbours that look alike are one part.
export function placed(line, left, width) {
  const joined = [];
  for (const part of line.flatMap((piece) => piece.parts)) {
    const before = joined.at(-1);
    if (before && before.role === part.role && before.look === part.look) {
      before.text += part.text;
    } else {
      joined.push({ ...part });
    }
  }
  let x = left;
  return joined.map((part) => {
    const here = { ...part, x };
    x += width(part);
    return here;
  });
}

// One line of plain text, shortened with an ellipsis where it does not fit.
export function clipped(text, room, width) {
  if (width(text) <= room) {
    return text;
  }
  let kept = text;
  while (kept && width(`${kept.trimEnd()}…`) > room) {
    kept = kept.slice(0, -1);
  }
  return `${kept.trimEnd()}…`;
}
