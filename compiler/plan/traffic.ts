// What moves between the two memories in a step, from the transfers of a plan's programs: for reports, and for the decision that tells
// of it. Seconds are foretold from the profile's rate; copies up and down share one queue.
import { timesPerStep, type Decision, type Plan, type Transfer } from "./plan.ts";

export interface Traffic {
  /** Bytes of a step, from the host to the device and back. */
  readonly up: number;
  readonly down: number;
  readonly seconds: number;
}

type Moving = Pick<Plan, "step" | "job" | "programs" | "tensors" | "device">;

export function trafficOf(plan: Moving): Traffic {
  const moved = (direction: Transfer["direction"]): number =>
    plan.programs.reduce((sum, { name, transfers }) => {
      const times = timesPerStep(plan, name);
      return times === 0 ? sum : sum + times * bytesMoved(plan, transfers, direction);
    }, 0);
  const [up, down] = [moved("up"), moved("down")];
  return { up, down, seconds: (up + down) / plan.device.transferRate };
}

function bytesMoved(
  { tensors }: Pick<Plan, "tensors">,
  transfers: readonly Transfer[],
  direction: Transfer["direction"],
): number {
  return transfers.reduce(
    (sum, transfer) => (transfer.direction === direction ? sum + (tensors[transfer.host]?.size ?? 0) : sum),
    0,
  );
}

/** One for each kind of memory that lives on the host. */
export function transferDecisions(
  plan: Moving & Pick<Plan, "variables" | "buffers" | "hostBytes">,
): readonly Decision[] {
  if (plan.hostBytes === 0) return [];
  const kinds = new Map<string, number>();
  for (const { kind, parts } of plan.variables)
    for (const part of parts) {
      const { buffer = -1, size = 0 } = plan.tensors[part] ?? {};
      if (plan.buffers[buffer]?.memory === "host") kinds.set(kind, (kinds.get(kind) ?? 0) + size);
    }
  const { up, down, seconds } = trafficOf(plan);
  const slots = mostSlots(plan);
  const transfers = plan.step.reduce(
    (sum, { program }) => sum + (plan.programs.find(({ name }) => name === program)?.transfers.length ?? 0),
    0,
  );
  const list = [...kinds].map(([kind, bytes]) => `${kind}: ${bytes} bytes`);
  return [
    {
      what: "offload",
      chosen: `${[...kinds.keys()].join(", ")} in the host's memory, ${slots} bytes of the device for what is in use or on its way`,
      why: `said by the recipe; a step brings ${up} bytes up and ${down} down, ${secondsText(seconds)} at ${plan.device.transferRate} bytes a second, in ${transfers} transfers planned ahead of their use`,
      considered: list,
    },
  ];
}

/** Bytes of the device that stand for memory of the host, at the fullest moment. */
function mostSlots({ programs, tensors }: Pick<Plan, "programs" | "tensors">): number {
  let most = 0;
  for (const { dispatches, transfers } of programs) {
    const change = new Float64Array(dispatches.length + 1);
    for (const device of new Set(transfers.map((transfer) => transfer.device))) {
      const { lifetime, size = 0 } = tensors[device] ?? {};
      if (lifetime === undefined) continue;
      change[lifetime.first] = (change[lifetime.first] ?? 0) + size;
      change[lifetime.last + 1] = (change[lifetime.last + 1] ?? 0) - size;
    }
    let live = 0;
    for (const each of change) most = Math.max(most, (live += each));
  }
  return most;
}

/** "0.42 s", "1.3 ms". */
export function secondsText(seconds: number): string {
  return seconds >= 0.1 ? `${seconds.toFixed(2)} s` : `${(1000 * seconds).toPrecision(2)} ms`;
}
