// `drop(x, share)`: dropout (Srivastava et al., 2014). While training, a share of the elements is zero at random and the others are
// scaled up to keep the mean; elsewhere it is x.
import type { Span } from "../../grammar/source.ts";
import { sizeOf, type Value } from "../ir/graph.ts";
import { keysVariable, samplesVariable } from "./io.ts";
import { describe, number, type Meaning, type Passed } from "./meaning.ts";
import { hash } from "./random.ts";
import { asTensor, casted, elementwise, tensor } from "./tensors.ts";
import { emit, fail, read, type Draws, type Workspace } from "./workspace.ts";

export function dropped(ws: Workspace, x: Meaning, share: Passed, at: Span): Meaning {
  const { meaning, span } = share;
  if (meaning.kind !== "number" || meaning.value < 0 || meaning.value >= 1) {
    return fail(
      "FTL0703",
      (meaning.kind === "number" ? meaning.said : undefined) ?? span,
      `a share to drop is at least 0 and below 1, found ${describe(meaning)}`,
      "not such a share",
      { related: [{ span: at, label: "dropped here" }] },
    );
  }
  const { draws } = ws;
  if (meaning.value === 0 || draws === undefined) return x;
  const { value, dimensions } = asTensor(ws, x, at);
  if (value.shape[0] !== draws.rows) {
    return fail(
      "FTL0913",
      at,
      "not built yet: dropout where the first axis does not count rows",
      "write dropout: 0 for this part, such as a head",
    );
  }
  const mask = tensor(keptMask(ws, value.shape, meaning.value, draws, at), dimensions);
  const scaled = elementwise(
    ws,
    "multiply",
    [tensor(value, dimensions), number(1 / (1 - meaning.value))],
    at,
  );
  return elementwise(ws, "select", [mask, scaled, number(0)], at);
}

/**
 * Which elements of a micro-batch's tensor are kept when a share of them is dropped: a bool tensor of its shape, whose first axis
 * counts rows. A mask is a function of the seed, the place in the model, the row's number among all rows of the run and the
 * element's number in its row; computed again in the backward pass, it is the same bit for bit.
 */
function keptMask(ws: Workspace, shape: readonly number[], share: number, draws: Draws, span: Span): Value {
  const { rows } = draws;
  const each = [rows, sizeOf(shape) / rows];
  const filled = (value: number): Value =>
    emit(ws, span, "constant", [], { value, type: "u32", shape: each });
  const spread = (value: Value): Value => emit(ws, span, "broadcast", [value], { shape: each });
  const along = (axis: number): Value => emit(ws, span, "iota", [], { shape: each, axis, type: "u32" });
  // The layer's number is added to a purpose of 31 bits and cannot wrap it around.
  const purpose = filled(hash(placeOf(ws, draws)) >>> 1);
  const layer =
    draws.layer === undefined ? undefined : spread(casted(ws, read(ws, draws.layer), "u32", span));
  const random = emit(ws, span, "random", [
    spread(read(ws, keysVariable(span))),
    layer === undefined ? purpose : emit(ws, span, "add", [purpose, layer]),
    emit(ws, span, "add", [spread(read(ws, samplesVariable(span))), along(0)]),
    along(1),
  ]);
  const least = emit(ws, span, "constant", [], { value: share, type: "f32", shape: each });
  return emit(ws, span, "reshape", [emit(ws, span, "less_equal", [least, random])], { shape });
}

/** A name for this draw: the adapter, the part of the model, and how often it has drawn. */
function placeOf(ws: Workspace, { adapter, drawn }: Draws): string {
  const place = `${adapter} ${ws.origin.path}`;
  const before = drawn.get(place) ?? 0;
  drawn.set(place, before + 1);
  return `drop ${before} ${place}`;
}
