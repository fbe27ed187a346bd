// The kernels of the library function attention_with_statistics and of its gradients (stdlib/functions/attention.ftl is the
// meaning). Two ways, by the profile: an invocation a query on processors, tiles in workgroup memory on GPUs. What neither can
// do is declined, and the function's body is compiled instead. Queries, keys, values and what is made of them may be stored in 16 bits;
// arithmetic and statistics are f32.
import type { BackwardCall } from "./attention-call.ts";
import { readBackward, readForward } from "./attention-call.ts";
import { directForward, directKeys, directQueries } from "./attention-direct.ts";
import { tileFor, type AttentionTask } from "./attention-tile.ts";
import { tiledForward, tiledKeys, tiledQueries } from "./attention-tiled.ts";
import { isSerial } from "./draft.ts";
import type { LibraryKernel } from "./kernel.ts";

export const attention: LibraryKernel = {
  name: "attention",
  backward: "attention_backward",
  narrow: { inputs: [0, 1, 2], outputs: [0] },
  choose(node, layouts, profile) {
    const call = readForward(node);
    if (call === undefined || layouts.inPlace.length > 0) return undefined;
    const task = { node, layouts, profile };
    if (isSerial(profile)) return [directForward(call, task)];
    const tile = tileFor(profile, call.sizes.width);
    return tile === undefined ? undefined : [tiledForward(call, tile, task)];
  },
};

export const attentionBackward: LibraryKernel = {
  name: "attention_backward",
  backward: undefined,
  choose(node, layouts, profile) {
    const call = readBackward(node);
    if (call === undefined || layouts.inPlace.length > 0) return undefined;
    const task = { node, layouts, profile };
    if (isSerial(profile)) {
      const queries = call.outQ === undefined ? [] : [directQueries(call, call.outQ, task)];
      return [...queries, ...keyParts(call, task).map((part) => directKeys(call, part, task))];
    }
    const tile = tileFor(profile, call.sizes.width);
    if (tile === undefined) return undefined;
    const queries = call.outQ === undefined ? [] : [tiledQueries(call, call.outQ, tile, task)];
    return [...queries, ...keyParts(call, task).map((part) => tiledKeys(call, part, tile, task))];
  },
};

type KeyPart = Pick<BackwardCall, "outK" | "outV">;

/**
 * The gradients of keys and values in one dispatch, or one each: where both are wanted but nine bindings are too many, or where the
 * sums of a wide head would not fit in registers.
 */
function keyParts({ outK, outV, sizes }: BackwardCall, { profile }: AttentionTask): readonly KeyPart[] {
  const together = profile.limits.maxStorageBuffersPerShaderStage >= 9 && sizes.width <= 128;
  if (together && outK !== undefined && outV !== undefined) return [{ outK, outV }];
  return [
    ...(outK === undefined ? [] : [{ outK, outV: undefined }]),
    ...(outV === undefined ? [] : [{ outK: undefined, outV }]),
  ];
}
