// Sizes, counts and shares as reports write them: bytes in binary units, everything else in powers of a thousand. In: a number.
// Out: a short text with its unit. The page of the report uses the same words.

/** "1.50 GiB", "256 B". */
export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? String(value) : value.toFixed(2)} ${units[unit] ?? ""}`;
}

/** "1.50 G", "1.50 GFLOP". */
export function countText(count: number, unit = ""): string {
  const prefixes = ["", "k", "M", "G", "T", "P"];
  let value = count;
  let prefix = 0;
  while (value >= 1000 && prefix < prefixes.length - 1) {
    value /= 1000;
    prefix += 1;
  }
  const suffix = `${prefixes[prefix] ?? ""}${unit}`;
  return `${prefix === 0 ? value : value.toFixed(2)}${suffix === "" ? "" : " "}${suffix}`;
}

/** "12.5 %". */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
