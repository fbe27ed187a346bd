// Bytes that are live over the step, by kind, above the map: the whole axis, with the part that the map shows as a window that can be dragged.
// In: the state. Out: a canvas. Live sizes are rounded up to the device's alignment in the report; here they are as they are.
import { make } from "./dom.ts";
import { margin } from "./map.ts";
import { dispatchAt, placeOf, type Model, type Program, type Scene } from "./model.ts";
import { fitCanvas, paletteOf } from "./palette.ts";
import type { State } from "./state.ts";
import { bytesText } from "../../plan/units.ts";

export interface Curve {
  readonly element: HTMLCanvasElement;
  draw(): void;
}

/** Live bytes of each kind at each dispatch: of what comes and goes, and of what is held throughout. */
interface Levels {
  readonly moving: readonly Float64Array[];
  readonly sums: Float64Array;
}

export function curveOf(state: State): Curve {
  const element = make("canvas", { class: "curve", "aria-hidden": "true" });
  const { model } = state;
  const known = new Map<number, Levels>();
  const levels = (program: Program): Levels => {
    const found = known.get(program.index) ?? levelsOf(model, program);
    known.set(program.index, found);
    return found;
  };
  const held = model.plan.kinds.map((_, kind) =>
    model.blocks.reduce(
      (sum, block) => (block.program < 0 && block.kind === kind ? sum + block.bytes : sum),
      0,
    ),
  );

  const draw = (): void => {
    const context = fitCanvas(element);
    if (context === undefined) return;
    const palette = paletteOf(model.plan.kinds);
    const { scene, whole, from, to } = state.look;
    const width = Math.max(1, element.clientWidth - margin.left - margin.right);
    const height = element.clientHeight - 8;
    const base = whole ? held : held.map(() => 0);
    const columns = columnsOf(scene, levels, Math.round(width));
    const floor = base.reduce((a, b) => a + b, 0);
    const top = Math.max(1, ...columns.map((column) => floor + column.reduce((a, b) => a + b, 0)));
    for (const [px, column] of columns.entries()) {
      let bytes = 0;
      for (const [kind, moving] of column.entries()) {
        const more = moving + (base[kind] ?? 0);
        if (more === 0) continue;
        context.fillStyle = palette.kinds[kind] ?? palette.faint;
        const [low, high] = [(bytes / top) * height, ((bytes + more) / top) * height];
        context.fillRect(margin.left + px, 4 + height - high, 1.1, high - low);
        bytes += more;
      }
    }
    context.fillStyle = palette.text;
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillText(bytesText(Math.round(top)), margin.left - 8, 10);
    context.fillText("0 B", margin.left - 8, height - 2);
    if (from > 0 || to < 1) {
      context.globalAlpha = 0.72;
      context.fillStyle = palette.surface;
      context.fillRect(margin.left, 0, from * width, height + 8);
      context.fillRect(margin.left + to * width, 0, (1 - to) * width, height + 8);
      context.globalAlpha = 1;
      context.strokeStyle = palette.accent;
      context.lineWidth = 2;
      context.strokeRect(margin.left + from * width, 2, Math.max(2, (to - from) * width), height + 4);
    }
  };
  dragWindow(element, state);
  return { element, draw };
}

function levelsOf({ blocks, plan }: Model, { index, dispatches }: Program): Levels {
  const moving = plan.kinds.map(() => new Float64Array(dispatches.length + 1));
  for (const { program, kind, first, last, bytes } of blocks) {
    const level = moving[kind];
    if (program !== index || level === undefined) continue;
    level[first] = (level[first] ?? 0) + bytes;
    level[last + 1] = (level[last + 1] ?? 0) - bytes;
  }
  const sums = new Float64Array(dispatches.length);
  for (const level of moving) {
    let live = 0;
    for (let at = 0; at < dispatches.length; at += 1) {
      live += level[at] ?? 0;
      level[at] = live;
      sums[at] = (sums[at] ?? 0) + live;
    }
  }
  return { moving, sums };
}

/** For each pixel the levels at the fullest of its dispatches. */
function columnsOf(
  scene: Scene,
  levels: (program: Program) => Levels,
  width: number,
): readonly (readonly number[])[] {
  return Array.from({ length: width }, (_, px) => {
    const start = dispatchAt(scene, px / width);
    const end = dispatchAt(scene, (px + 1) / width - 1e-9);
    if (start === undefined || end === undefined) return [];
    const { moving, sums } = levels(start.part.program);
    const last = end.part === start.part ? end.dispatch : start.part.program.dispatches.length - 1;
    let best = start.dispatch;
    for (let at = start.dispatch; at <= last; at += 1) if ((sums[at] ?? 0) > (sums[best] ?? 0)) best = at;
    return moving.map((level) => level[best] ?? 0);
  });
}

/** A drag makes a new window, a click moves the one there is. */
function dragWindow(element: HTMLCanvasElement, state: State): void {
  let start: number | undefined;
  const placeAt = ({ offsetX }: PointerEvent): number =>
    Math.max(0, Math.min(1, (offsetX - margin.left) / (element.clientWidth - margin.left - margin.right)));
  element.addEventListener("pointerdown", (event) => {
    start = placeAt(event);
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    if (start === undefined) return;
    const now = placeAt(event);
    if (Math.abs(now - start) > 0.01) state.change({ from: Math.min(start, now), to: Math.max(start, now) });
  });
  element.addEventListener("pointerup", (event) => {
    const now = placeAt(event);
    const { from, to } = state.look;
    if (start !== undefined && Math.abs(now - start) <= 0.01 && to - from < 1) {
      const half = (to - from) / 2;
      const middle = Math.max(half, Math.min(1 - half, now));
      state.change({ from: middle - half, to: middle + half });
    }
    start = undefined;
  });
  element.addEventListener("pointercancel", () => {
    start = undefined;
  });
}

/** The window around a program's dispatch that shows some of its neighbours. */
export function windowAround(scene: Scene, program: Program, dispatch: number): readonly [number, number] {
  const part = scene.parts.find((each) => each.program === program);
  if (part === undefined) return [0, 1];
  const half = Math.min(0.5, (30 / program.dispatches.length) * (part.to - part.from));
  const middle = Math.max(half, Math.min(1 - half, placeOf(part, dispatch + 0.5)));
  return [middle - half, middle + half];
}
