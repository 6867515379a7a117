// Where everything on the card stands: boxes for the figures, and text, rules and the code as marks. Pure.
import { clipped, fit, lookOf, placed } from "./text.js";

export const WIDTH = 1200;
export const HEIGHT = 675;
const MARGIN = 44;
const INSIDE = WIDTH - 2 * MARGIN;
const GAP = 18;
const MAIN = 668; // of the large figure where there are two
const BESIDE_BOTH = 616; // where guess and code share the column beside it
const BESIDE_CODE = 860; // where nothing but the code is in that column
const SERIF = { family: "--serif" };
const SANS = { family: "--sans" };
const MONO = { family: "--mono" };
const TITLE = 30; // above a figure in its box
const ROW = 25; // of the table of guesses
const MOST_GUESSES = 5;
const CODE = 148; // the whole of a QR code with the white around it

// [size, lines] of the verdict. One line leaves the figures most room; two are better than three larger ones.
const tries = (sizes, lines) => sizes.map((size) => [size, lines]);
const SAID = [
  ...tries([44, 42, 40, 38], 1),
  ...tries([44, 42, 40, 38, 36, 34, 32, 30], 2),
  ...tries([34, 32, 30, 28, 26, 24], 3),
  [22, 4],
];

// `facts` as app/export/card.py makes them; `titles` of the one or two figures that are drawn, the large one first;
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
    tries: [[21, 1], [19, 1], [17, 2]],
  });
  const told = block(said, asked.bottom + 6, SERIF, "$ink", measure, { tries: SAID });
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
  const column = widthBeside(facts, titles);
  const main = column ? INSIDE - GAP - column : INSIDE;
  const large = { x: MARGIN, y: top, width: main, height: bottom - top };
  const side = { x: MARGIN + main + GAP, width: column };
  const below = column ? beside(facts, words, side, bottom, titles.length > 1, measure) : { marks: [], top: bottom };
  const small = { ...side, y: top, height: below.top - top };
  const boxes = titles.length > 1 ? [large, small] : [large];
  const framed = boxes.map((box, n) => framedBox(box, titles[n], n ? 15 : 17, measure));
  return { marks: [...framed.flatMap(({ marks }) => marks), ...below.marks], slots: framed.map(({ slot }) => slot) };
}

// How wide the column beside the large figure is; 0 where there is nothing to put there.
function widthBeside({ guess, code }, titles) {
  if (titles.length < 2 && !guess.length) {
    return code ? INSIDE - GAP - BESIDE_CODE : 0;
  }
  return INSIDE - GAP - (guess.length && code ? BESIDE_BOTH : MAIN);
}

function framedBox(box, title, size, measure) {
  const font = { ...SANS, size, bold: true };
  const room = box.width - 28;
  font.size = fitOne(title, room, size, 12, font, measure);
  const words = clipped(title, room, (given) => measure(given, font));
  const frame = { kind: "rect", ...box, fill: "$screen", stroke: "$rule-2" };
  const slot = { x: box.x + 8, y: box.y + TITLE + 4, width: box.width - 16, height: box.height - TITLE - 10 };
  return { marks: [frame, text(box.x + 14, box.y + 23, words, font)], slot };
}

// What stands under the small figure; its height decides how much of the column is left for that.
function beside(facts, words, side, bottom, under, measure) {
  const code = facts.code ? CODE : 0;
  const left = code ? code + 18 : 0;
  const guess = guessTable(facts.guess, words, side.width - left, measure);
  const height = Math.max(guess.height, code);
  const top = bottom - height;
  const parts = code ? codeMarks(facts.code, side.x, bottom - code) : [];
  if (guess.height) {
    parts.push(...guess.draw(side.x + left, top));
  } else if (code) {
    parts.push(...linkMarks(facts, words, linkPlace(side, { top, left, bottom, under }), measure));
  }
  return { marks: parts, top: height && under ? top - 14 : top };
}

// The link stands at the right of its code, or above it where the column has nothing else.
function linkPlace(side, { top, left, bottom, under }) {
  return under
    ? { x: side.x + left, y: top + (bottom - top) / 2, room: side.width - left }
    : { x: side.x, y: top - 34, room: side.width };
}

const NUMBER = { ...MONO, size: 16 };
const HEAD = { ...SANS, size: 14 };
const MARK = 26; // right or wrong

function guessTable(rows, words, width, measure) {
  if (!rows.length) {
    return { height: 0 };
  }
  const shown = rows.slice(0, MOST_GUESSES);
  if (!rows[0].label && columnsOf(shown, words, width, measure).name < 0) {
    return answers(rows[0], words, width, measure);
  }
  const left = rows.length - shown.length;
  const height = 22 + shown.length * ROW + (left ? ROW : 0);
  return {
    height,
    draw(x, top) {
      const columns = columnsOf(shown, words, x + width, measure);
      const marks = [
        text(x, top + 13, words.guess, HEAD, "$ink-2"),
        end(columns.you, top + 13, words.you, HEAD, "$ink-2"),
        end(columns.measured, top + 13, words.measured, HEAD, "$ink-2"),
      ];
      shown.forEach((row, n) => marks.push(...guessRow(row, top + 22 + n * ROW, { x, width, columns }, measure)));
      return left ? [...marks, text(x, top + 40 + shown.length * ROW, words.more(left), HEAD, "$ink-2")] : marks;
    },
  };
}

// A choice is a sentence, too long for a column: what was said, and below it what was measured.
function answers(row, words, width, measure) {
  const left = Math.max(measure(words.you, HEAD), measure(words.measured, HEAD)) + 12;
  const room = width - left - MARK;
  const said = (x, y, given, bold, fill) => {
    const font = { ...SANS, bold, size: fitOne(given, room, 16, 12, { ...SANS, bold }, measure) };
    return text(x + left, y, clipped(given, room, (part) => measure(part, font)), font, fill);
  };
  return {
    height: 2 * ROW,
    draw: (x, top) => [
      text(x, top + 18, words.you, HEAD, "$ink-2"),
      said(x, top + 18, row.you, false, "$ink"),
      { kind: "rect", x, y: top + ROW, width, height: 1, fill: "$rule-2" },
      text(x, top + ROW + 18, words.measured, HEAD, "$ink-2"),
      said(x, top + ROW + 18, row.measured, true, row.role),
      markOf(row, x + width, top + ROW + 18),
    ],
  };
}

function markOf({ near }, x, y) {
  const [sign, fill] = { true: ["✓", "$st-running"], false: ["✗", "$signal"], null: ["?", "$ink-3"] }[near];
  return end(x, y, sign, { ...SANS, size: 16, bold: true }, fill);
}

// The right edge of each column, as narrow as what stands in it: the names have the rest.
function columnsOf(rows, words, mark, measure) {
  const widest = (said, head, font) => Math.max(measure(head, HEAD), ...rows.map((row) => measure(row[said], font)));
  const measured = mark - MARK;
  const you = measured - widest("measured", words.measured, { ...NUMBER, bold: true }) - 18;
  return { mark, measured, you, name: you - widest("you", words.you, NUMBER) - 12 };
}

const end = (x, y, words, font, fill) => ({ ...text(x, y, words, font, fill), align: "right" });

function guessRow(row, top, { x, width, columns }, measure) {
  const y = top + 18;
  const room = columns.name - x;
  const label = { ...SANS, size: fitOne(row.label, room, 16, 12, SANS, measure) };
  const name = row.label ? clipped(row.label, room, (given) => measure(given, label)) : "";
  return [
    { kind: "rect", x, y: top, width, height: 1, fill: "$rule-2" },
    text(x, y, name, label, row.role),
    end(columns.you, y, row.you, NUMBER, "$ink"),
    end(columns.measured, y, row.measured, { ...NUMBER, bold: true }, row.role),
    markOf(row, columns.mark, y),
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
  const command = fit([{ text: facts.command }], room - 22, { tries: [18, 17, 16, 15, 14, 13].map((size) => [size, 2]), font: MONO }, measure);
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
