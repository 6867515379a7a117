// Inside a page that stands alone: unfolds what it carries and starts it. Not a module: modules are what it unfolds.
(async () => {
  const read = async (id) => {
    const packed = document.getElementById(id);
    if (!packed) {
      return null;
    }
    const bytes = Uint8Array.from(atob(packed.textContent), (character) => character.charCodeAt(0));
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
