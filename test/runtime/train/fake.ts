// A session without a device: variables in memory, programs as functions. What it computes is what the tiny training plan computes
// on a device, so that the loop can be watched step by step.
import { bytesOf, sizeOf } from "../../../compiler/ir/graph.ts";
import type { Plan, PlanVariable } from "../../../compiler/plan/plan.ts";
import type { Session } from "../../../runtime/launch/session.ts";
import { trainingPlan } from "../launch/tiny.ts";

export interface FakeSession extends Session {
  /** Calls in order, such as "write ids", "run micro", "read report". */
  readonly calls: string[];
  /** All of a variable, parts one after another. */
  readonly bytes: (name: string) => Uint8Array<ArrayBuffer>;
  readonly floats: (name: string) => Float32Array;
  readonly integers: (name: string) => Int32Array;
}

export type FakePrograms = Readonly<Record<string, (session: FakeSession) => void>>;

export function fakeSession(plan: Plan, programs: FakePrograms): FakeSession {
  const calls: string[] = [];
  const memory = new Map<string, Uint8Array<ArrayBuffer>>(
    // Not zero, so that what nobody wrote shows.
    plan.variables.map((variable) => [variable.name, new Uint8Array(bytesIn(variable)).fill(0xee)]),
  );
  const bytes = (name: string): Uint8Array<ArrayBuffer> => {
    const found = memory.get(name);
    if (found === undefined) throw new RangeError(`no variable ${name}`);
    return found;
  };
  const find = (name: string): PlanVariable | undefined =>
    plan.variables.find((each) => each.name === name && each.parts.length > 0);
  const place = (name: string, part: number): Uint8Array<ArrayBuffer> => {
    const size = bytes(name).length / (find(name)?.parts.length ?? 1);
    return bytes(name).subarray(part * size, (part + 1) * size);
  };
  const session: FakeSession = {
    plan,
    calls,
    bytes,
    floats: (name) => new Float32Array(bytes(name).buffer),
    integers: (name) => new Int32Array(bytes(name).buffer),
    allocated: () => ({
      buffers: 1,
      bytes: plan.peakBytes,
      stagingBuffers: 0,
      stagingBytes: 0,
      shaderModules: 0,
      layouts: 0,
      pipelines: 0,
      bindGroups: 0,
    }),
    find,
    write: async (name, data) => {
      calls.push(`write ${name}`);
      if (data.byteLength !== bytes(name).length) throw new RangeError(`${name}: ${data.byteLength} bytes`);
      bytes(name).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    },
    writePart: async (name, part, byteOffset, piece) => {
      calls.push(`write ${name}#${part}`);
      place(name, part).set(piece, byteOffset);
    },
    clear: (name) => {
      calls.push(`clear ${name}`);
      bytes(name).fill(0);
    },
    run: async (name) => {
      calls.push(`run ${name}`);
      programs[name]?.(session);
    },
    read: async (name) => {
      calls.push(`read ${name}`);
      return new Float32Array(bytes(name).slice().buffer);
    },
    readPart: async function* (name, part) {
      yield place(name, part).slice();
    },
    done: async () => {
      calls.push("done");
    },
    close: () => {
      calls.push("close");
    },
  };
  return session;
}

function bytesIn({ shape, type }: PlanVariable): number {
  return sizeOf(shape) * bytesOf[type];
}

/** The tiny training job: w = (2, 3, 4, 5), everything else 0. */
export function trainingSession(job: Partial<Plan["job"]> = {}): FakeSession {
  const plan = trainingPlan(job);
  const square = (session: FakeSession, add: (word: number, distance: number) => void): void => {
    const [ids, targets] = [session.integers("ids"), session.integers("targets")];
    targets.forEach((target, at) => {
      const word = ids[at] ?? 0;
      if (target >= 0) add(word, (session.floats("w")[word] ?? 0) - 1);
    });
  };
  const session = fakeSession(plan, {
    micro: (own) => {
      const [gradient, loss, scalars] = [own.floats("gradient"), own.floats("loss"), own.floats("scalars")];
      const n = scalars[0] ?? 0;
      square(own, (word, d) => {
        loss[0] = (loss[0] ?? 0) + (d * d) / n;
        gradient[word] = (gradient[word] ?? 0) + (2 * d) / n;
      });
    },
    update: (own) => {
      const [w, gradient, report] = [own.floats("w"), own.floats("gradient"), own.floats("report")];
      const [loss, updates] = [own.floats("loss"), own.floats("updates")];
      updates[0] = (updates[0] ?? 0) + 1;
      report.set([loss[0] ?? 0, Math.hypot(...gradient), updates[0]]);
      gradient.forEach((g, at) => (w[at] = (w[at] ?? 0) - 0.25 * g));
      gradient.fill(0);
      loss.fill(0);
    },
    evaluate: (own) => {
      let sum = 0;
      square(own, (_, d) => (sum += d * d));
      own.floats("evaluation")[0] = sum;
    },
  });
  for (const name of ["gradient", "loss", "report", "evaluation", "updates"]) session.floats(name).fill(0);
  session.floats("w").set([2, 3, 4, 5]);
  session.calls.length = 0;
  return session;
}
