// Inside a page that stands alone: unfolds what it carries and starts it. Not a module: modules are what it unfolds.
(async () => {
  // Five letters are four bytes (RFC 1924, with a comma for "<"): less than base64 would take.
  const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;,=>?@^_`{|}~";
  const VALUES = new Uint8Array(128);
  [...LETTERS].forEach((letter, value) => (VALUES[letter.charCodeAt(0)] = value));

  const bytesOf = (text, length) => {
    const view = new DataView(new ArrayBuffer((text.length / 5) * 4));
    for (let from = 0, to = 0; from < text.length; from += 5, to += 4) {
      let number = 0;
      for (let n = from; n < from + 5; n += 1) {
        number = number * 85 + VALUES[text.charCodeAt(n)];
      }
      view.setUint32(to, number);
    }
    return new Uint8Array(view.buffer, 0, length);
  };

  const read = async (id) => {
    const packed = document.getElementById(id);
    if (!packed) {
      return null;
    }
    const bytes = bytesOf(packed.textContent, Number(packed.dataset.bytes));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
  };

  const parts = await (await read("parts")).json();
  const plotly = await read("plotly");
  if (plotly) {
    const script = new Blob([await plotly.arrayBuffer()], { type: "text/javascript" });
    document.documentElement.dataset.plotly = URL.createObjectURL(script);
  }

  const add = (attributes, text) => {
    const made = Object.assign(document.createElement("script"), attributes, { textContent: text });
    document.body.append(made);
  };
  // Percent signs and quotes survive; base64 would need the text as bytes first.
  const address = (text) => `data:text/javascript;charset=utf-8,${encodeURIComponent(text)}`;
  const imports = Object.entries(parts.modules).map(([name, text]) => [name, address(text)]);
  add({ type: "importmap" }, JSON.stringify({ imports: Object.fromEntries(imports) }));
  add({ type: "application/json", id: "words" }, JSON.stringify(parts.words));
  const { show } = await import("offline.js");
  show(parts.figures, parts.name);
  document.documentElement.dataset.live = "";
})();
