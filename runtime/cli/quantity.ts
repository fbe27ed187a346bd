// Sizes and times as people write and read them: comes in text or numbers, goes out numbers or text.
// Holds: what is printed with a unit can be typed again as an option's value.
import { exitCodes, Failure } from "./exit.ts";

const units: ReadonlyMap<string, number> = new Map([
  ["B", 1],
  ["KiB", 2 ** 10],
  ["MiB", 2 ** 20],
  ["GiB", 2 ** 30],
  ["TiB", 2 ** 40],
]);

/** Bytes of a size such as "8GiB" or "1.5 GiB". */
export function parseSize(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([KMGT]iB|B)\s*$/.exec(text);
  const bytes = Math.floor(Number(match?.[1]) * (units.get(match?.[2] ?? "") ?? NaN));
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new Failure(`'${text}' is no size`, exitCodes.usage, [
    "write a number with B, KiB, MiB, GiB or TiB, such as 8GiB",
  ]);
}

/** "8 GiB", "1.25 MiB", "512 B": at most three digits after the point. */
export function sizeText(bytes: number): string {
  let unit = "B";
  for (const [name, scale] of units) if (bytes >= scale) unit = name;
  const value = bytes / (units.get(unit) ?? 1);
  return `${Number(value.toFixed(value < 10 ? 2 : 1))} ${unit}`;
}

/** A positive whole number, such as the argument of --steps. */
export function parseCount(text: string, what = "number of steps"): number {
  const value = /^\s*\d+\s*$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Failure(`'${text}' is no ${what}`, exitCodes.usage, ["write a whole number from 1"]);
}

/** A number from 0, or with `above` above it, up to `most`. */
export function parseNumber(text: string, what: string, { above = false, most = Infinity } = {}): number {
  const value = /^\s*\d*\.?\d+(e[+-]?\d+)?\s*$/i.test(text) ? Number(text) : NaN;
  if ((above ? value > 0 : value >= 0) && value <= most && Number.isFinite(value)) return value;
  const low = above ? "a number above 0" : "a number from 0";
  const range = most === Infinity ? low : `${low} up to ${most}`;
  throw new Failure(`'${text}' is no ${what}`, exitCodes.usage, [`write ${range}`]);
}

/** A whole number from 0, such as a seed. */
export function parseWhole(text: string, what: string): number {
  const value = /^\s*\d+\s*$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new Failure(`'${text}' is no ${what}`, exitCodes.usage, ["write a whole number from 0"]);
}

/** Ranks such as "8" or "1,2,4", each once, in rising order. */
export function parseRanks(text: string): readonly number[] {
  const ranks = text.split(",").map((each) => (/^\s*\d+\s*$/.test(each) ? Number(each) : NaN));
  if (ranks.every((rank) => Number.isSafeInteger(rank) && rank > 0))
    return [...new Set(ranks)].sort((a, b) => a - b);
  throw new Failure(`'${text}' are no ranks`, exitCodes.usage, ["write whole numbers from 1, such as 1,2,4"]);
}

/** "45 s", "1:05", "2:03:09". */
export function timeText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
