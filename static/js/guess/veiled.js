// Covers a run that was started before anybody guessed, ahead of the first paint. A classic script in <head>.
(() => {
  const run = /\/runs\/([0-9a-f]{10})$/.exec(location.pathname)?.[1];
  try {
    if (run && sessionStorage.getItem(`covered:${run}`)) {
      document.documentElement.setAttribute("data-covered", "");
    }
  } catch {
    // storage can be forbidden; then nothing stays covered over a reload
  }
})();
