// Where oscope is: at the root of its server, or under the path that a proxy shows it under. A module knows its
// own address, …/static/<version>/js/place.js; what stands before that is the path of every other address.

export const prefixOf = (module) => new URL("../../..", module).pathname.slice(0, -1);
export const below = (prefix, pathname) => (pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix.length) : pathname);

// The address of a path of ours, and the other way round. In the offline report no module has an address: it asks for nothing.
export const to = (path) => prefixOf(import.meta.url) + path;
export const pathHere = () => below(prefixOf(import.meta.url), location.pathname);
