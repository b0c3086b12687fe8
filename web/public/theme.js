// Puts the stored theme on before the first paint, so that a dark page does not flash white.
try {
  var theme = localStorage.getItem("capstan.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch (_) {
  // Storage may be forbidden; then the system's theme holds.
}
