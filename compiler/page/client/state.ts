// What the reader looks at: one value, changed by all views and watched by all of them. Pointing lasts while the pointer is there,
// picking until something else is picked.
import type { Block, Model, Part, Scene } from "./model.ts";

export interface Moment {
  readonly part: Part;
  readonly dispatch: number;
}

export interface Look {
  readonly scene: Scene;
  /** Whether memory that is held throughout is drawn too. */
  readonly whole: boolean;
  /** The part of the axis that is seen, within 0 and 1. */
  readonly from: number;
  readonly to: number;
  /** The bytes that are seen. */
  readonly low: number;
  readonly high: number;
  /** Lines of the recipe, from 1. */
  readonly pointedLine: number | undefined;
  readonly pickedLine: number | undefined;
  readonly pointed: Block | undefined;
  readonly picked: Block | undefined;
  /** Lines behind what is pointed at elsewhere: a kernel, a decision. */
  readonly pointedLines: readonly number[];
  readonly moment: Moment | undefined;
}

export interface State {
  readonly model: Model;
  readonly look: Look;
  change(by: Partial<Look>): void;
  /** Called after every change, with what was before. */
  watch(act: (look: Look, before: Look) => void): void;
}

export function stateOf(model: Model): State {
  const [scene] = model.scenes;
  if (scene === undefined) throw new RangeError("a plan has a scene");
  const whole = model.held < 0.6 * model.plan.report.memory.peak_bytes;
  const [low, high] = spanOfBytes(model, whole);
  const watchers: ((look: Look, before: Look) => void)[] = [];
  let look: Look = {
    scene,
    whole,
    from: 0,
    to: 1,
    low,
    high,
    pointedLine: undefined,
    pickedLine: undefined,
    pointed: undefined,
    picked: undefined,
    pointedLines: [],
    moment: undefined,
  };
  return {
    model,
    get look() {
      return look;
    },
    change: (by) => {
      const before = look;
      look = { ...look, ...by };
      for (const act of watchers) act(look, before);
    },
    watch: (act) => watchers.push(act),
  };
}

/** The bytes that are drawn: everything, or the buffers of what comes and goes. */
export function spanOfBytes({ plan, starts, total }: Model, whole: boolean): readonly [number, number] {
  const moving = plan.buffers.flatMap(({ transient, size }, at) => {
    const start = starts[at] ?? 0;
    return transient ? [[start, start + size] as const] : [];
  });
  if (whole || moving.length === 0) return [0, total];
  return [Math.min(...moving.map(([start]) => start)), Math.max(...moving.map(([, end]) => end))];
}

/** The line that blocks, kernels and decisions are held against, if any. */
export function chosenLine({ pointedLine, pickedLine }: Look): number | undefined {
  return pointedLine ?? pickedLine;
}

/** The lines of the recipe that are lit. */
export function litLines(look: Look): readonly number[] {
  const line = chosenLine(look);
  if (look.pointedLines.length > 0) return look.pointedLines;
  if (look.pointed !== undefined) return look.pointed.lines;
  return line === undefined ? (look.picked?.lines ?? []) : [line];
}
