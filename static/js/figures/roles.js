// Colours and fonts are roles, "$st-ready" or "$en-threads/0.16"; the page's tokens give them values.

const ROLE = /^\$([a-z][a-z0-9-]*)(?:\/([0-9.]+))?$/;

function parts(role) {
  const match = ROLE.exec(role);
  return match && { name: `--${match[1]}`, alpha: match[2] === undefined ? 1 : Number(match[2]) };
}

// For elements of the page: it follows the theme by itself.
export function css(value) {
  const role = typeof value === "string" && parts(value);
  if (!role) {
    return value;
  }
  return role.alpha === 1
    ? `var(${role.name})`
    : `color-mix(in srgb, var(${role.name}) ${role.alpha * 100}%, transparent)`;
}

// For canvases, Plotly and downloads: the value as it is now. `token` takes "--ink" and gives "#1b1e1c".
export function literal(value, token) {
  const role = typeof value === "string" && parts(value);
  if (!role) {
    return value;
  }
  const found = token(role.name);
  return role.alpha === 1 ? found : withAlpha(found, role.alpha);
}

// The same for every string in a spec, however deep.
export function resolve(value, token) {
  if (Array.isArray(value)) {
    return value.map((member) => resolve(member, token));
  }
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, resolve(member, token)]));
  }
  return literal(value, token);
}

// "#abc" or "#aabbcc" as [red, green, blue].
export function rgb(hex) {
  const digits = hex.replace("#", "");
  const full = digits.length === 3 ? digits.replace(/./g, "$&$&") : digits;
  const value = parseInt(full, 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

export function withAlpha(hex, alpha) {
  return `rgba(${rgb(hex).join(",")},${alpha})`;
}

// A reader of the tokens as they are now, for the theme that the element stands in.
export function tokensOf(element) {
  const style = getComputedStyle(element);
  const known = new Map();
  return (name) => {
    if (!known.has(name)) {
      known.set(name, style.getPropertyValue(name).trim());
    }
    return known.get(name);
  };
}
