// Colours as the style sheet has them, for what is drawn on a canvas: they follow the system's light or dark scheme.

export interface Palette {
  readonly kinds: readonly string[];
  readonly text: string;
  readonly faint: string;
  readonly line: string;
  readonly surface: string;
  readonly accent: string;
  readonly alarm: string;
}

export function paletteOf(kinds: readonly string[]): Palette {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    kinds: kinds.map((kind) => colour(kind)),
    text: colour("text"),
    faint: colour("faint"),
    line: colour("line"),
    surface: colour("surface"),
    accent: colour("accent"),
    alarm: colour("alarm"),
  };
}

/** A canvas as large as its place, in the screen's own pixels; drawing is in CSS pixels. */
export function fitCanvas(canvas: HTMLCanvasElement): CanvasRenderingContext2D | undefined {
  const ratio = devicePixelRatio;
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d") ?? undefined;
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  context?.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  return context;
}

/** Sizes for an axis: few, round in binary units. */
export function marksOf(low: number, high: number, most: number): readonly number[] {
  let unit = 1;
  while ((high - low) / unit > most) unit *= 2;
  const marks: number[] = [];
  for (let at = Math.ceil(low / unit) * unit; at <= high; at += unit) marks.push(at);
  return marks;
}
