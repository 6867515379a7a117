// Where everything on the card stands: boxes for the figures, and text, rules and the code as marks. Pure.
import { clipped, fit, lookOf, placed } from "./text.js";

export const WIDTH = 1200;
export const HEIGHT = 675;
const MARGIN = 44;
const INSIDE = WIDTH - 2 * MARGIN;
const GAP = 18;
const MAIN = 668; // of the large figure where there are two
const SERIF = { family: "--serif" };
const SANS = { family: "--sans" };
const MONO = { family: "--mono" };
const TITLE = 30; // above a figure in its box
const ROW = 25; // of the table of guesses
const MOST_GUESSES = 5;
const CODE = 148; // the whole of a QR code with the white around it

// `facts` as app/card.py makes them; `titles` of the one or two figures that are drawn, the large one first;
// `words` are the card's own. Gives {marks, slots: [{x, y, width, height}]}.
export function layoutCard(facts, titles, words, measure) {
  const head = heading(facts, measure);
  const foot = footer(facts, words, measure);
  const doubts = doubtMarks(facts.doubts, head.bottom + 4, words, measure);
  const body = { top: doubts.bottom + 14, bottom: foot.top - 14 };
  const figures = titles.length ? pictures(facts, titles, words, body, measure) : nothing(words, body);
  const ground = [
    { kind: "rect", x: 0, y: 0, width: WIDTH, height: HEIGHT, fill: "$paper" },
    { kind: "rect", x: 0, y: 0, width: WIDTH, height: 6, fill: "$signal" },
  ];
  return {
    marks: [...ground, ...head.marks, ...doubts.marks, ...figures.marks, ...foot.marks],
    slots: figures.slots,
  };
}

const text = (x, y, words, font, fill = "$ink") => ({ kind: "text", x, y, text: words, font, fill });

// ---- the question and what this machine said

function heading({ question, said }, measure) {
  const asked = block([{ text: question }], 46, SANS, "$ink-2", measure, {
    sizes: [21, 19, 17],
    lines: (size) => (size > 17 ? 1 : 2),
  });
  const told = block(said, asked.bottom + 6, SERIF, "$ink", measure, {
    sizes: [44, 42, 40, 38, 36, 34, 32, 30, 28, 26, 24, 22],
    lines: (size) => (size > 34 ? 2 : size > 22 ? 3 : 4),
  });
  return { marks: [...asked.marks, ...told.marks], bottom: told.bottom };
}

// Lines of coloured text from `top` on; `bottom` is where the next thing may begin.
function block(spans, top, font, fill, measure, rule) {
  const { size, lines } = fit(spans, INSIDE, { ...rule, font }, measure);
  const high = size * (font === SERIF ? 1.16 : 1.3);
  const style = (part) => ({ ...font, size, ...lookOf(part) });
  const width = (part) => measure(part.text, style(part));
  const first = font === SERIF ? top + size * 0.86 : top;
  const marks = lines.flatMap((line, n) =>
    placed(line, MARGIN, width).map((part) =>
      text(part.x, first + n * high, part.text, style(part), part.role ?? fill),
    ),
  );
  return { marks, bottom: first + (lines.length - 1) * high + size * 0.3 };
}

// A card that hides a doubt would be a lie: those that do not fit are counted.
function doubtMarks(doubts, top, words, measure) {
  if (!doubts.length) {
    return { marks: [], bottom: top };
  }
  const font = { ...SANS, size: 16 };
  const room = INSIDE - 26;
  const [first, ...rest] = doubts;
  const all = doubts.join(words.between);
  const counted = rest.length ? `${words.between}${words.moreDoubts(rest.length)}` : "";
  const fits = measure(all, font) <= room;
  const said = fits ? all : `${clipped(first, room - measure(counted, font), (given) => measure(given, font))}${counted}`;
  const y = top + 18;
  return {
    marks: [
      { kind: "disc", x: MARGIN + 9, y: y - 5.5, radius: 9, fill: "$st-ready" },
      text(MARGIN + 6.6, y - 0.5, "!", { ...SANS, size: 15, bold: true }, "$screen"),
      text(MARGIN + 26, y, said, font),
    ],
    bottom: y + 6,
  };
}

// ---- figures, guess, code

function pictures(facts, titles, words, { top, bottom }, measure) {
  const aside = Boolean(titles[1] || facts.guess.length || facts.code);
  const large = { x: MARGIN, y: top, width: aside ? MAIN : INSIDE, height: bottom - top };
  const side = { x: MARGIN + MAIN + GAP, width: INSIDE - MAIN - GAP };
  const below = aside ? beside(facts, words, side, bottom, titles.length > 1, measure) : { marks: [], top: bottom };
  const small = { ...side, y: top, height: below.top - top };
  const boxes = titles.length > 1 ? [large, small] : [large];
  const framed = boxes.map((box, n) => framedBox(box, titles[n], n ? 15 : 17, measure));
  return { marks: [...framed.flatMap(({ marks }) => marks), ...below.marks], slots: framed.map(({ slot }) => slot) };
}

function framedBox(box, title, size, measure) {
  const font = { ...SANS, size, bold: true };
  const words = clipped(title, box.width - 28, (given) => measure(given, font));
  const frame = { kind: "rect", ...box, fill: "$screen", stroke: "$rule-2" };
  const slot = { x: box.x + 8, y: box.y + TITLE + 4, width: box.width - 16, height: box.height - TITLE - 10 };
  return { marks: [frame, text(box.x + 14, box.y + 23, words, font)], slot };
}

// What stands under the small figure; its height decides how much of the column is left for that.
function beside(facts, words, side, bottom, under, measure) {
  const guess = guessTable(facts.guess, words, measure);
  const code = facts.code ? CODE : 0;
  const height = Math.max(guess.height, code);
  const top = bottom - height;
  const left = code ? code + 18 : 0;
  const parts = code ? codeMarks(facts.code, side.x, bottom - code) : [];
  if (guess.height) {
    parts.push(...guess.draw(side.x + left, top, side.width - left));
  } else if (code) {
    parts.push(...linkMarks(facts, words, { x: side.x + left, y: top + code / 2, room: side.width - left }, measure));
  }
  return { marks: parts, top: height && under ? top - 14 : top };
}

function guessTable(rows, words, measure) {
  if (!rows.length) {
    return { height: 0 };
  }
  const shown = rows.slice(0, MOST_GUESSES);
  const left = rows.length - shown.length;
  const height = 22 + shown.length * ROW + (left ? ROW : 0);
  return {
    height,
    draw(x, top, width) {
      const columns = { you: x + width - 150, measured: x + width - 26, mark: x + width };
      const head = { ...SANS, size: 14 };
      const marks = [
        text(x, top + 13, words.guess, head, "$ink-2"),
        end(columns.you, top + 13, words.you, head, "$ink-2"),
        end(columns.measured, top + 13, words.measured, head, "$ink-2"),
      ];
      shown.forEach((row, n) => marks.push(...guessRow(row, top + 22 + n * ROW, { x, width, columns }, measure)));
      return left ? [...marks, text(x, top + 40 + shown.length * ROW, words.more(left), head, "$ink-2")] : marks;
    },
  };
}

const end = (x, y, words, font, fill) => ({ ...text(x, y, words, font, fill), align: "right" });

function guessRow(row, top, { x, width, columns }, measure) {
  const label = { ...SANS, size: 16 };
  const number = { ...MONO, size: 16 };
  const y = top + 18;
  const room = width - 150 - measure(row.you, number) - 12;
  const name = clipped(row.label, row.label ? room : 0, (given) => measure(given, label));
  const mark = { true: ["✓", "$st-running"], false: ["✗", "$signal"], null: ["?", "$ink-3"] }[row.near];
  return [
    { kind: "rect", x, y: top, width, height: 1, fill: "$rule-2" },
    text(x, y, name, label, row.role),
    end(columns.you, y, row.you, number, "$ink"),
    end(columns.measured, y, row.measured, { ...number, bold: true }, row.role),
    end(columns.mark, y, mark[0], { ...SANS, size: 16, bold: true }, mark[1]),
  ];
}

// Dark on white whatever the theme: cameras want that. Four modules of white around it belong to a code.
function codeMarks(code, x, top) {
  const scale = CODE / (code.size + 8);
  return [
    { kind: "rect", x, y: top, width: CODE, height: CODE, fill: "#ffffff" },
    { kind: "path", x: x + 4 * scale, y: top + 4 * scale, scale, d: code.path, fill: "#111111" },
  ];
}

function linkMarks({ link }, words, { x, y, room }, measure) {
  const shown = bare(link);
  const font = { ...MONO, size: fitOne(shown, room, 15, 9, MONO, measure) };
  return [text(x, y - 6, words.scan, { ...SANS, size: 15 }, "$ink-2"), text(x, y + 18, shown, font)];
}

const bare = (link) => link.replace("http://", "");

function fitOne(words, room, size, least, font, measure) {
  let chosen = size;
  while (chosen > least && measure(words, { ...font, size: chosen }) > room) {
    chosen -= 0.5;
  }
  return chosen;
}

function nothing(words, { top, bottom }) {
  const frame = { kind: "rect", x: MARGIN, y: top, width: INSIDE, height: bottom - top, fill: "$screen", stroke: "$rule-2" };
  const told = text(WIDTH / 2, (top + bottom) / 2 + 8, words.nothing, { ...SERIF, size: 26 }, "$ink-2");
  return { marks: [frame, { ...told, align: "center" }], slots: [] };
}

// ---- how to repeat it, and where it comes from

function footer(facts, words, measure) {
  const left = MARGIN + 124;
  const room = WIDTH - MARGIN - left;
  const link = facts.code && facts.guess.length ? [bare(facts.link)] : []; // elsewhere it stands beside the code
  const source = [facts.machine, facts.when, words.run(facts.id), ...link].join(" · ");
  const command = fit([{ text: facts.command }], room - 22, { sizes: [18, 17, 16, 15, 14, 13], lines: () => 2, font: MONO }, measure);
  const lower = [
    { words: facts.params, size: fitOne(facts.params, room, 14.5, 10.5, SANS, measure), fill: "$ink-2" },
    { words: source, size: fitOne(source, room, 14.5, 10.5, SANS, measure), fill: "$ink-2" },
  ];
  const high = command.size * 1.3;
  const top = HEIGHT - 20 - 2 * 21 - command.lines.length * high - 4;
  const style = { ...MONO, size: command.size };
  const width = (part) => measure(part.text, style);
  const commandY = top + high;
  const marks = command.lines.flatMap((line, n) =>
    placed(line, left + 22, width).map((part) => text(part.x, commandY + n * high, part.text, style)),
  );
  const lowerY = commandY + (command.lines.length - 1) * high;
  const rest = lower.map(({ words: said, size, fill }, n) => {
    const font = { ...SANS, size };
    return text(left, lowerY + (n + 1) * 21 + 2, clipped(said, room, (given) => measure(given, font)), font, fill);
  });
  return {
    top,
    marks: [
      { kind: "logo", x: MARGIN, y: commandY - 14, width: 28 },
      text(MARGIN + 36, commandY, "oscope", { ...MONO, size: 18, bold: true }),
      text(left, commandY, "$", style, "$ink-3"),
      ...marks,
      ...rest,
    ],
  };
}
