// The map of memory: time to the right in dispatches, addresses up, each tensor a block at its offset over its lifetime. In: the state. Out: a
// canvas for the blocks and one above for what is pointed at, so that pointing redraws no block. Holds: what is seen of the state is drawn.
import { make } from "./dom.ts";
import { placeOf, type Block, type Scene } from "./model.ts";
import { fitCanvas, marksOf, paletteOf } from "./palette.ts";
import { chosenLine, type Look, type State } from "./state.ts";
import { bytesText } from "../../plan/units.ts";

/** For the axis' numbers, in CSS pixels. */
export const margin = { left: 74, bottom: 22, top: 6, right: 8 };

export interface MemoryMap {
  readonly element: HTMLElement;
  /** The upper canvas, which has the pointer and the keyboard. */
  readonly front: HTMLCanvasElement;
  draw(): void;
  drawFront(): void;
  blockAt(x: number, y: number): Block | undefined;
  /** The place on the axis at a pixel. */
  placeAt(x: number): number;
  bytesAt(y: number): number;
}

/** A block's sides on the axis, or undefined where its program is not in the scene. */
export function sidesOf(
  scene: Scene,
  { program, first, last }: Block,
): readonly [number, number] | undefined {
  if (program < 0) return [0, 1];
  const part = scene.parts.find((each) => each.program.index === program);
  return part && [placeOf(part, first), placeOf(part, last + 1)];
}

export function memoryMap(state: State): MemoryMap {
  const back = make("canvas", { class: "back", "aria-hidden": "true" });
  const front = make("canvas", {
    class: "front",
    tabindex: 0,
    role: "application",
    "aria-label": "Memory over the step, a map of blocks",
  });
  const element = make("div", { class: "map" }, back, front);
  const { blocks, plan } = state.model;

  const frame = (): { x: (place: number) => number; y: (bytes: number) => number; w: number; h: number } => {
    const { from, to, low, high } = state.look;
    const w = Math.max(1, back.clientWidth - margin.left - margin.right);
    const h = Math.max(1, back.clientHeight - margin.top - margin.bottom);
    return {
      x: (place) => margin.left + ((place - from) / (to - from)) * w,
      y: (bytes) => margin.top + h - ((bytes - low) / (high - low)) * h,
      w,
      h,
    };
  };

  /** A block's rectangle in pixels, cut to what is seen. */
  const rectangle = (block: Block): readonly [number, number, number, number] | undefined => {
    const sides = sidesOf(state.look.scene, block);
    const { from, to, low, high } = state.look;
    if (sides === undefined || sides[1] <= from || sides[0] >= to) return undefined;
    if (block.at + block.bytes <= low || block.at >= high) return undefined;
    const { x, y } = frame();
    const [left, right] = [x(Math.max(sides[0], from)), x(Math.min(sides[1], to))];
    const [top, bottom] = [y(Math.min(block.at + block.bytes, high)), y(Math.max(block.at, low))];
    return [left, top, right - left, bottom - top];
  };

  const draw = (): void => {
    const context = fitCanvas(back);
    if (context === undefined) return;
    const palette = paletteOf(plan.kinds);
    const { x, y, w, h } = frame();
    const { scene, low, high } = state.look;
    const line = chosenLine(state.look);
    context.fillStyle = palette.surface;
    context.fillRect(margin.left, margin.top, w, h);
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (const block of blocks) {
      const found = rectangle(block);
      if (found === undefined) continue;
      const [left, top, width, height] = found;
      const lit = line === undefined || block.lines.includes(line);
      context.globalAlpha = lit ? 1 : 0.16;
      context.fillStyle = palette.kinds[block.kind] ?? palette.faint;
      // A line of the background between neighbours that are large enough.
      const [gapX, gapY] = [width > 4 ? 1 : 0, height > 4 ? 1 : 0];
      context.fillRect(left, top, Math.max(0.75, width - gapX), Math.max(0.75, height - gapY));
      if (width < 64 || height < 15) continue;
      context.globalAlpha = lit ? 1 : 0.4;
      context.fillStyle = palette.surface;
      context.fillText(fitted(context, block.name, width - 10), left + 5, top + height / 2);
    }
    context.globalAlpha = 1;
    drawAxes(context, palette, { x, y, w, h });
    if (plan.report.memory.budget_bytes < high && plan.report.memory.budget_bytes > low && state.look.whole) {
      context.strokeStyle = palette.alarm;
      context.lineWidth = 2;
      context.strokeRect(margin.left, y(plan.report.memory.budget_bytes), w, 0);
    }
    drawPeaks(context, palette.alarm, scene, x, h);
    drawFront();
  };

  const drawAxes = (
    context: CanvasRenderingContext2D,
    palette: ReturnType<typeof paletteOf>,
    { x, y, h }: ReturnType<typeof frame>,
  ): void => {
    const { scene, low, high, from, to } = state.look;
    const base = state.look.whole ? 0 : (state.model.starts[firstSeen(state)] ?? 0);
    context.fillStyle = palette.text;
    context.strokeStyle = palette.line;
    context.lineWidth = 1;
    context.textAlign = "right";
    for (const mark of marksOf(low - base, high - base, Math.max(2, h / 40))) {
      context.fillText(bytesText(mark), margin.left - 8, y(mark + base));
      context.beginPath();
      context.moveTo(margin.left - 5, y(mark + base));
      context.lineTo(margin.left, y(mark + base));
      context.stroke();
    }
    context.textAlign = "left";
    for (const part of scene.parts) {
      if (part.to <= from || part.from >= to) continue;
      const [left, right] = [Math.max(margin.left, x(part.from)), Math.min(x(1), x(part.to))];
      context.beginPath();
      context.moveTo(left, margin.top);
      context.lineTo(left, margin.top + h + 6);
      context.stroke();
      context.fillText(fitted(context, part.program.label, right - left - 6), left + 4, margin.top + h + 12);
    }
  };

  /** The fullest dispatch of each program, marked from below; the fullest of all by a line. */
  const drawPeaks = (
    context: CanvasRenderingContext2D,
    colour: string,
    scene: Scene,
    x: (place: number) => number,
    h: number,
  ): void => {
    const peaks = plan.report.memory.programs;
    const most = Math.max(...Object.values(peaks).map(({ peak_bytes: bytes }) => bytes));
    for (const part of scene.parts) {
      const { name, peakAt } = part.program;
      const place = placeOf(part, peakAt + 0.5);
      if (peaks[name]?.peak_bytes !== most || place < state.look.from || place > state.look.to) continue;
      context.fillStyle = colour;
      context.globalAlpha = 0.85;
      context.fillRect(x(place) - 0.5, margin.top, 1, h);
      context.globalAlpha = 1;
      context.font = "600 12px system-ui, sans-serif";
      context.textAlign = x(place) > margin.left + 60 ? "right" : "left";
      context.fillText("peak", x(place) + (context.textAlign === "right" ? -5 : 5), margin.top + 10);
    }
  };

  const drawFront = (): void => {
    const context = fitCanvas(front);
    if (context === undefined) return;
    const palette = paletteOf(plan.kinds);
    const { x, h } = frame();
    const { moment, pointed, picked } = state.look;
    if (moment !== undefined) {
      const place = placeOf(moment.part, moment.dispatch + 0.5);
      if (place >= state.look.from && place <= state.look.to) {
        context.fillStyle = palette.text;
        context.fillRect(x(place) - 0.5, margin.top, 1, h);
      }
    }
    for (const [block, width] of [
      [picked, 3],
      [pointed, 2],
    ] as const) {
      const found = block && rectangle(block);
      if (found === undefined) continue;
      context.strokeStyle = palette.text;
      context.lineWidth = width;
      context.strokeRect(found[0], found[1], Math.max(1, found[2]), Math.max(1, found[3]));
    }
  };

  const placeAt = (px: number): number => {
    const { from, to } = state.look;
    return from + ((px - margin.left) / frame().w) * (to - from);
  };
  const bytesAt = (py: number): number => {
    const { low, high } = state.look;
    return low + ((margin.top + frame().h - py) / frame().h) * (high - low);
  };
  const blockAt = (px: number, py: number): Block | undefined => {
    const [place, bytes] = [placeAt(px), bytesAt(py)];
    const { from, to, scene } = state.look;
    if (place < from || place > to) return undefined;
    return blocks.findLast((block) => {
      if (bytes < block.at || bytes >= block.at + block.bytes) return false;
      const sides = sidesOf(scene, block);
      return sides !== undefined && place >= sides[0] && place < sides[1];
    });
  };
  return { element, front, draw, drawFront, blockAt, placeAt, bytesAt };
}

/** The first buffer that is seen where only what comes and goes is. */
function firstSeen({ model, look }: { readonly model: State["model"]; readonly look: Look }): number {
  return look.whole ? 0 : model.plan.buffers.findIndex(({ transient }) => transient);
}

/** The text as far as it goes into a width, or nothing. */
export function fitted(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 0 && context.measureText(`${text.slice(0, end)}…`).width > width) end -= Math.ceil(end / 8);
  return end < 3 ? "" : `${text.slice(0, end)}…`;
}
