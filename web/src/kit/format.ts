// Numbers, sizes, money and times as a person reads them. Everything here is pure.

const LOCALE = "en-US";
export const NONE = "–";

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : Math.round(value).toLocaleString(LOCALE);
}

// 1234567 → 1.23M. For where there is little room.
export function compact(value: number): string {
  const steps = [
    [1e12, "T"],
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const;
  for (const [size, letter] of steps) {
    if (Math.abs(value) >= size) return `${significant(value / size, 3)}${letter}`;
  }
  return significant(value, 3);
}

// At least `digits` significant digits, no trailing zeros, no exponent between 1e-4 and 1e15.
export function significant(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "not a number";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e15) return value.toExponential(Math.max(0, digits - 2)).replace("e+", "e");
  const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return value.toLocaleString(LOCALE, { maximumFractionDigits: Math.min(places, 12) });
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(size < 10 ? 1 : 0)} ${units[unit]}`;
}

// 740 → 740 ms; 12340 → 12.3 s; 95000 → 1 m 35 s; 7260000 → 2 h 01 m.
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return NONE;
  if (ms <= 0) return "0 ms";
  if (ms < 1) return `${significant(ms, 2)} ms`;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${padded(whole % 60)} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${padded(Math.floor((whole % 3600) / 60))} m`;
  return `${Math.floor(whole / 86_400)} d ${padded(Math.floor((whole % 86_400) / 3600))} h`;
}

// Dollars, with as many places as a small amount needs: $12.34, $0.0042, $0.00000381.
export function money(usd: number | null | undefined): string {
  if (usd === null || usd === undefined) return NONE;
  if (usd === 0) return "$0";
  if (Math.abs(usd) >= 1) return usd.toLocaleString(LOCALE, { style: "currency", currency: "USD" });
  const places = Math.min(12, 1 - Math.floor(Math.log10(Math.abs(usd))));
  return `${usd < 0 ? "−" : ""}$${Math.abs(usd).toFixed(Math.max(2, places))}`;
}

export function percent(fraction: number | null | undefined, places = 0): string {
  return fraction === null || fraction === undefined ? NONE : `${(fraction * 100).toFixed(places)}%`;
}

export function pValue(value: number): string {
  return value < 0.001 ? "p < 0.001" : `p = ${value.toFixed(3)}`;
}

export function signed(value: number, digits = 3): string {
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${significant(Math.abs(value), digits)}`;
}

// "just now", "4 min ago", "in 2 h"; beyond a month, the date.
export function ago(at: string | null | undefined, nowMs: number): string {
  const ms = at ? Date.parse(at) : Number.NaN;
  if (Number.isNaN(ms)) return NONE;
  const seconds = Math.abs(nowMs - ms) / 1000;
  if (seconds < 10) return "just now";
  const said =
    seconds < 60
      ? `${Math.floor(seconds)} s`
      : seconds < 3600
        ? `${Math.floor(seconds / 60)} min`
        : seconds < 86_400
          ? `${Math.floor(seconds / 3600)} h`
          : seconds < 30 * 86_400
            ? `${Math.floor(seconds / 86_400)} d`
            : null;
  if (said === null) return at!.slice(0, 10);
  return ms > nowMs ? `in ${said}` : `${said} ago`;
}

// 2031-04-02 09:30:15 in the reader's time zone.
export function moment(at: string | null | undefined): string {
  const time = at ? new Date(at) : null;
  if (!time || Number.isNaN(time.getTime())) return NONE;
  const day = [time.getFullYear(), padded(time.getMonth() + 1), padded(time.getDate())].join("-");
  return `${day} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(padded).join(":")}`;
}

// A score may be a number, a yes or no, or a word.
export function score(value: number | boolean | string): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" ? significant(value, 3) : value;
}

// A text by a model, for reading: at most one empty line in a row, and none at its ends. Small models say little
// but line ends; all of them are in the JSON.
export function readable(text: string): string {
  return text
    .replace(/^\s*\n/, "")
    .trimEnd()
    .replace(/\n(?:[^\S\n]*\n){2,}/g, "\n\n");
}

// The first characters of an id, enough to tell two apart by eye. UUIDv7 begin with the time, so take the end.
export function shortId(id: string): string {
  return id.length <= 13 ? id : `${id.slice(0, 4)}…${id.slice(-6)}`;
}

// roll_back → roll back; tokens_per_second → tokens per second; rouge_l → ROUGE-L.
export function words(name: string): string {
  return SPELLED[name] ?? name.replaceAll("_", " ");
}

// What is written in its own way.
const SPELLED: Record<string, string> = {
  rouge_1: "ROUGE-1",
  rouge_2: "ROUGE-2",
  rouge_l: "ROUGE-L",
  bleu: "BLEU",
  chrf: "chrF",
  lora: "LoRA",
  eta_s: "seconds left",
  heldout_loss: "held-out loss",
  pii_masked: "personal data masked",
};

function padded(value: number): string {
  return String(value).padStart(2, "0");
}
