// From a value and the coordinates of one of its elements to WGSL that computes it: elementwise operations by their records,
// views by what they do to coordinates, joins by branches, gathers by reading an index, inputs by loads. What was computed
// for the same element is not computed again.
import { bytesOf, type Node, type Region, type TensorType, type Value } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import { functionsOf, type Lowering } from "../ops/operation.ts";
import { literal, registerType } from "../ops/wgsl.ts";
import { add, bounded, constant, isConstant, variable, zero, type Index } from "./index.ts";
import { readIndex } from "./index-text.ts";
import type { Memory } from "./memory.ts";
import type { Writer } from "./writer.ts";

/** Gives the register of a value that the kernel computes elsewhere, such as a fold's result; else `undefined`. */
export type Resolve = (value: Value, coordinates: readonly Index[]) => string | undefined;

/** What one kernel has in common: its region, its memory, its functions. */
export interface Scene {
  readonly region: Region;
  readonly memory: Memory;
  readonly functions: Set<string>;
  readonly numbers: Map<Value, number>;
}

export function sceneOf(region: Region, memory: Memory): Scene {
  return { region, memory, functions: memory.functions, numbers: new Map() };
}

/** An operation that no expression computes stands where an expression is wanted. */
export class NoExpression extends Error {
  override readonly name = "NoExpression";
}

export class Tracer {
  readonly scene: Scene;
  readonly writer: Writer;
  readonly #resolve: Resolve;
  readonly #inputs: ReadonlyMap<Value, number>;

  constructor(scene: Scene, writer: Writer, resolve: Resolve = () => undefined) {
    this.scene = scene;
    this.writer = writer;
    this.#resolve = resolve;
    this.#inputs = new Map(scene.region.parameters.map((parameter, index) => [parameter, index]));
  }

  /** The element as a name or a literal. */
  expression(value: Value, at: readonly Index[]): string {
    const coordinates = value.shape.map((size, axis) => (size === 1 ? zero : (at[axis] ?? zero)));
    const key = `${this.#numberOf(value)} ${coordinates.map((each) => each.key).join(" ")}`;
    const found = this.writer.known(key);
    if (found !== undefined) return found;
    const name = this.#resolve(value, coordinates) ?? this.#compute(value, coordinates);
    this.writer.remember(key, name);
    return name;
  }

  /** The element for a store, which rounds 16-bit values by itself. */
  stored(value: Value, at: readonly Index[]): string {
    const { lowering } = operationOf(value.node.operation);
    const [source] = value.node.inputs;
    const rounds = lowering.kind === "elementwise" && lowering.rounds === true && bytesOf[value.type] === 2;
    if (!rounds || source?.type !== "f32" || this.#inputs.has(value)) return this.expression(value, at);
    return this.expression(source, at);
  }

  #compute(value: Value, coordinates: readonly Index[]): string {
    const input = this.#inputs.get(value);
    if (input !== undefined) return this.scene.memory.load(this.writer, input, coordinates);
    const { node } = value;
    const record = operationOf(node.operation);
    const { lowering } = record;
    switch (lowering.kind) {
      case "elementwise": {
        const parts = node.inputs.map((each) => this.expression(each, coordinates));
        const types = node.inputs.map(({ type }) => type);
        for (const text of functionsOf(lowering, value.type, types)) this.scene.functions.add(text);
        const text = lowering.wgsl(parts, node.attributes, value.type, types);
        if (parts.includes(text)) return text;
        return this.writer.define("v", text, parts, { flops: record.cost });
      }
      case "source": {
        const texts = coordinates.map((each) => this.writer.index(each));
        const text = lowering.wgsl(texts, node.attributes, value);
        const parts = coordinates.flatMap((each) => this.writer.namesOf(each));
        return parts.length === 0 ? text : this.writer.define("v", text, parts);
      }
      case "view":
        return this.#view(value, node, lowering, coordinates);
      case "until":
        return this.#until(value, node, lowering.axis(node.attributes), coordinates);
      case "join":
        return this.#join(value, node, lowering.axis(node.attributes), coordinates);
      case "gather":
        return this.#gather(node, coordinates);
      case "reduce":
      case "product":
      case "scatter":
      case "region":
      case "parameter":
        throw new NoExpression(`${node.operation} is no expression`);
      default:
        return lowering satisfies never;
    }
  }

  #view(
    value: Value,
    node: Node,
    lowering: Extract<Lowering, { kind: "view" }>,
    at: readonly Index[],
  ): string {
    const [source] = node.inputs;
    if (source === undefined) throw new NoExpression(`${node.operation} of nothing`);
    const texts = lowering.inside === undefined ? [] : at.map((each) => this.writer.index(each));
    const inside = lowering.inside?.(texts, node.attributes, source.shape, value.shape) ?? "true";
    if (inside === "true")
      return this.expression(source, this.#coordinates(value, node, lowering, source, at));
    const name = this.#result(value);
    const times = source.shape.reduce((part, size, axis) => (part * size) / (value.shape[axis] ?? size), 1);
    this.writer.open(`if (${inside})`, { conditional: true, times: Math.min(1, times) });
    const element = this.expression(source, this.#coordinates(value, node, lowering, source, at));
    this.writer.line(`${name} = ${element};`);
    this.writer.close();
    return name;
  }

  /** The coordinates a view reads at; what it says of them is checked against the source's shape, where they must lie. */
  #coordinates(
    value: Value,
    node: Node,
    lowering: Extract<Lowering, { kind: "view" }>,
    source: TensorType,
    at: readonly Index[],
  ): readonly Index[] {
    const names = at.map((_, axis) => `c${axis}`);
    const known = new Map(names.map((name, axis) => [name, at[axis] ?? zero]));
    return lowering.index(names, node.attributes, source.shape, value.shape).map((text, axis) => {
      const size = source.shape[axis] ?? 1;
      const read = readIndex(text, known);
      if (read !== undefined) return isConstant(read) ? read : bounded(read, 0, size - 1);
      const written = text.replaceAll(/\bc(\d+)\b/g, (_, n: string) =>
        this.writer.index(at[Number(n)] ?? zero),
      );
      const parts = at.flatMap((each) => this.writer.namesOf(each));
      return variable(this.writer.define("i", written, parts), size);
    });
  }

  /** Loaded whatever the bound is, so that neighbours are still read at once; what cannot lie below it is zero. */
  #until(value: Value, node: Node, axis: number, at: readonly Index[]): string {
    const [source, bound] = node.inputs;
    if (source === undefined || bound === undefined) throw new NoExpression(`${node.operation} of nothing`);
    const element = this.expression(source, at);
    const limit = this.expression(bound, at.slice(0, bound.shape.length));
    const place = at[axis] ?? zero;
    const parts = [element, limit, ...this.writer.namesOf(place)];
    const text = `select(${literal(0, value.type)}, ${element}, ${this.writer.index(place)} < ${limit})`;
    return this.writer.define("v", text, parts);
  }

  #join(value: Value, node: Node, axis: number, at: readonly Index[]): string {
    const place = at[axis] ?? zero;
    const name = this.#result(value);
    let start = 0;
    let written = false;
    for (const part of node.inputs) {
      const size = part.shape[axis] ?? 1;
      const [from, to] = [start, start + size];
      start = to;
      if (place.least >= to || place.most < from) continue;
      const local = at.map((each, other) =>
        other === axis ? bounded(add(each, constant(-from)), 0, size - 1) : each,
      );
      const sure = place.least >= from && place.most < to;
      const condition = sure
        ? "true"
        : `${this.writer.index(place)} >= ${from}u && ${this.writer.index(place)} < ${to}u`;
      const times = sure ? 1 : size / (value.shape[axis] ?? size);
      this.writer.open(`if (${condition})`, { conditional: true, times });
      this.writer.line(`${name} = ${this.expression(part, local)};`);
      this.writer.close();
      written = true;
    }
    if (!written) throw new RangeError(`${node.operation} read outside of its parts`);
    return name;
  }

  /** An index outside the table reads the last row, as the record says. */
  #gather(node: Node, at: readonly Index[]): string {
    const [table, indices] = node.inputs;
    if (table === undefined || indices === undefined) throw new NoExpression(`${node.operation} of nothing`);
    const rank = indices.shape.length;
    const index = this.expression(indices, at.slice(0, rank));
    const rows = table.shape[0] ?? 1;
    const key = `row ${rows} ${index}`;
    let row = this.writer.known(key);
    if (row === undefined) {
      const plain = indices.type === "u32" ? index : `u32(${index})`;
      row = this.writer.define("r", `min(${plain}, ${rows - 1}u)`, [index]);
      this.writer.remember(key, row);
    }
    return this.expression(table, [variable(row, rows), ...at.slice(rank)]);
  }

  /** A variable for what branches give. */
  #result(value: Value): string {
    const name = this.writer.fresh("v");
    const type = registerType(value.type);
    this.writer.line(`var ${name}: ${type} = ${literal(0, value.type)};`);
    this.writer.declare(name);
    return name;
  }

  #numberOf(value: Value): number {
    const { numbers } = this.scene;
    const found = numbers.get(value) ?? numbers.size;
    numbers.set(value, found);
    return found;
  }
}
