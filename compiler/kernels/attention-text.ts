// The tensors that one dispatch of attention binds, the WGSL functions that read and write them, and the kernel made of both.
// A head's vector is read and written in quads: four neighbouring elements, zero past its end; in 16 bits two elements lie in a word. A value that stands at several
// inputs is bound once. What is never asked for has no binding.
import { bytesOf, sizeOf, type Node, type TensorType } from "../ir/graph.ts";
import type { DeviceProfile, KernelBinding } from "../plan/plan.ts";
import type { BackwardCall, ForwardCall } from "./attention-call.ts";
import { spread } from "./draft.ts";
import type { BoundValue, Kernel, Layouts } from "./kernel.ts";
import { packed, touched } from "./memory.ts";

const LANES = ["x", "y", "z", "w"] as const;

interface Bound {
  readonly name: string;
  readonly value: BoundValue;
  /** The input or output itself: what stands at two inputs is one value. */
  readonly tensor: TensorType;
  readonly stride: number;
  readonly elements: number;
  readonly wide: boolean;
}

export interface KernelText {
  readonly about: string;
  readonly globals: readonly string[];
  /** Of `main`; `group` is the workgroup's number, `local` the invocation's id in it. */
  readonly body: readonly string[];
  readonly workgroupSize: readonly [number, number, number];
  readonly groups: number;
  readonly workgroupMemory: number;
  readonly flops: number;
}

export class Bindings {
  readonly #node: Node;
  readonly #layouts: Layouts;
  readonly #bound: Bound[] = [];
  readonly #functions: string[] = [];
  /** What those functions call. */
  readonly #helpers = new Set<string>();
  readonly #names = new Map<string, string>();

  constructor(node: Node, layouts: Layouts) {
    this.#node = node;
    this.#layouts = layouts;
  }

  /** Declares `read_NAME(row, token, head, quad)` of an input [rows, tokens, heads, width]. */
  readVectors(name: string, input: number): void {
    const bound = this.#input(name, input);
    const { tensor, wide } = bound;
    const head = `fn read_${name}(row: u32, token: u32, head: u32, quad: u32) -> vec4<f32> {`;
    const is16 = bytesOf[tensor.type] === 2;
    if (wide) {
      const whole = `${bound.name}[${quadAt(bound)}]`;
      const lines = is16
        ? [
            `let words = ${whole};`,
            `return vec4<f32>(${halvesOf(tensor, "words.x")}, ${halvesOf(tensor, "words.y")});`,
          ]
        : [`return ${whole};`];
      this.#declare(head, lines);
      return;
    }
    const width = tensor.shape[3] ?? 1;
    const lanes = is16
      ? ["xy", "zw"].map((pair, index) => {
          const read = `value.${pair} = ${halvesOf(tensor, `${bound.name}[at / 2u + ${index}u]`)};`;
          return index === 0 ? read : `if (quad * 4u + 2u < ${width}u) { ${read} }`;
        })
      : LANES.map((lane, index) => {
          const read = `value.${lane} = ${bound.name}[at + ${index}u];`;
          return index === 0 ? read : `if (quad * 4u + ${index}u < ${width}u) { ${read} }`;
        });
    this.#declare(head, [
      `let at = ${elementAt(bound)};`,
      "var value = vec4<f32>();",
      ...lanes,
      "return value;",
    ]);
  }

  /** Declares `put_NAME(row, token, head, quad, value)` of an output [rows, tokens, heads, width]. */
  putVectors(name: string, output: number): void {
    const bound = this.#output(name, output);
    const { tensor, wide } = bound;
    const { type } = tensor;
    const head = `fn put_${name}(row: u32, token: u32, head: u32, quad: u32, value: vec4<f32>) {`;
    const pack = (low: string, high: string): string =>
      packed(type, `value.${low}`, `value.${high}`, (text) => void this.#helpers.add(text.trimEnd()));
    const is16 = bytesOf[type] === 2;
    if (wide) {
      const whole = is16 ? `vec2<u32>(${pack("x", "y")}, ${pack("z", "w")})` : "value";
      this.#declare(head, [`${bound.name}[${quadAt(bound)}] = ${whole};`]);
      return;
    }
    const width = tensor.shape[3] ?? 1;
    const lanes = is16
      ? [pack("x", "y"), pack("z", "w")].map((word, index) => {
          const write = `${bound.name}[at / 2u + ${index}u] = ${word};`;
          return index === 0 ? write : `if (quad * 4u + 2u < ${width}u) { ${write} }`;
        })
      : LANES.map((lane, index) => {
          const write = `${bound.name}[at + ${index}u] = value.${lane};`;
          return index === 0 ? write : `if (quad * 4u + ${index}u < ${width}u) { ${write} }`;
        });
    this.#declare(head, [`let at = ${elementAt(bound)};`, ...lanes]);
  }

  /** Declares `read_segment(row, token)`. */
  readSegments(input: number): void {
    const { name, stride } = this.#input("segments", input);
    this.#functions.push(
      `fn read_segment(row: u32, token: u32) -> i32 {\n  return ${name}[row * ${stride}u + token];\n}`,
    );
  }

  /** Declares `read_lse(row, head, token)`. */
  readStatistics(input: number): void {
    const { name, stride, tensor } = this.#input("lse", input);
    const at = `row * ${stride}u + head * ${tensor.shape[2] ?? 1}u + token`;
    this.#functions.push(
      `fn read_lse(row: u32, head: u32, token: u32) -> f32 {\n  return ${name}[${at}];\n}`,
    );
  }

  /** Declares `put_lse(row, head, token, value)`. */
  putStatistics(output: number): void {
    const { name, stride, tensor } = this.#output("lse", output);
    const at = `row * ${stride}u + head * ${tensor.shape[2] ?? 1}u + token`;
    this.#functions.push(
      `fn put_lse(row: u32, head: u32, token: u32, value: f32) {\n  ${name}[${at}] = value;\n}`,
    );
  }

  /** The variable that holds the input declared under a name. */
  nameOf(name: string): string {
    const bound = this.#names.get(name);
    if (bound === undefined) throw new RangeError(`nothing is called ${name}`);
    return bound;
  }

  kernel(text: KernelText, profile: DeviceProfile): Kernel {
    const { groups, workgroupSize, workgroupMemory } = text;
    const workgroups = spread(groups, profile.limits.maxComputeWorkgroupsPerDimension);
    const [x, y, z] = workgroups;
    const number =
      z > 1
        ? `(group_id.z * ${y}u + group_id.y) * ${x}u + group_id.x`
        : y > 1
          ? `group_id.y * ${x}u + group_id.x`
          : "group_id.x";
    const wgsl = [
      ...this.#bound.map(
        ({ name, tensor, wide }, index) =>
          `@group(0) @binding(${index}) var<storage, read_write> ${name}: array<${elementOf(tensor, wide)}>;`,
      ),
      ...text.globals,
      ...this.#helpers,
      ...this.#functions,
      `@compute @workgroup_size(${workgroupSize.join(", ")})`,
      "fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {",
      `  let group = ${number};`,
      ...(x * y * z === groups ? [] : [`  if (group >= ${groups}u) { return; }`]),
      ...text.body.map((line) => `  ${line}`),
      "}",
      "",
    ].join("\n");
    const bindings = this.#bound.map(({ name, value, tensor, elements }): KernelBinding => {
      const writes = value.output !== undefined;
      const bytes = Math.ceil((elements * bytesOf[tensor.type]) / 4) * 4;
      return { name, access: "read_write", reads: !writes, writes, bytes };
    });
    return {
      about: text.about,
      wgsl,
      bindings,
      values: this.#bound.map(({ value }) => value),
      workgroupSize,
      workgroups,
      workgroupMemory,
      features: [],
      flops: Math.round(text.flops),
      bytes: bindings.reduce((total, { bytes }) => total + bytes, 0),
    };
  }

  #declare(head: string, lines: readonly string[]): void {
    this.#functions.push([head, ...lines.map((line) => `  ${line}`), "}"].join("\n"));
  }

  #input(name: string, input: number): Bound {
    const value = this.#node.inputs[input];
    if (value === undefined) throw new RangeError(`no input ${input}`);
    const same = this.#bound.find(({ tensor }) => tensor === value);
    const stride = this.#layouts.inputStrides[input];
    const bound = same ?? this.#bind(name, { input, output: undefined }, value, stride);
    this.#names.set(name, bound.name);
    return bound;
  }

  #output(name: string, output: number): Bound {
    const value = this.#node.outputs[output];
    if (value === undefined) throw new RangeError(`no output ${output}`);
    return this.#bind(
      `${name}_out`,
      { input: undefined, output },
      value,
      this.#layouts.outputStrides[output],
    );
  }

  #bind(name: string, value: BoundValue, tensor: TensorType, given: number | undefined): Bound {
    const { shape } = tensor;
    const stride = given ?? sizeOf(shape.slice(1));
    const wide = shape.length === 4 && (shape[3] ?? 1) % 4 === 0 && stride % 4 === 0;
    const elements = touched(shape, [stride]);
    const bound = { name: `${name}_data`, value, tensor, stride, elements, wide };
    this.#bound.push(bound);
    return bound;
  }
}

/** All that the forward kernel reads and writes. */
export function bindForward(call: ForwardCall, node: Node, layouts: Layouts): Bindings {
  const bindings = new Bindings(node, layouts);
  bindings.readVectors("q", call.q);
  bindings.readVectors("k", call.k);
  bindings.readVectors("v", call.v);
  bindings.readSegments(call.segments);
  bindings.putVectors("o", call.outO);
  bindings.putStatistics(call.outLse);
  return bindings;
}

/** What the backward kernels read; without `all`, what the gradient of values alone takes. */
export function bindBackward(
  call: BackwardCall,
  node: Node,
  layouts: Layouts,
  all: boolean = true,
): Bindings {
  const bindings = new Bindings(node, layouts);
  bindings.readVectors("do", call.dO);
  bindings.readVectors("q", call.q);
  bindings.readVectors("k", call.k);
  if (all) bindings.readVectors("v", call.v);
  bindings.readSegments(call.segments);
  if (all) bindings.readVectors("o", call.o);
  bindings.readStatistics(call.lse);
  return bindings;
}

/** The type of an element of a binding's array: a vector's quad, or what a word holds. */
function elementOf({ type }: TensorType, wide: boolean): string {
  if (bytesOf[type] === 2) return wide ? "vec2<u32>" : "u32";
  return wide ? "vec4<f32>" : type;
}

/** The two 16-bit elements of a word as a vec2<f32>. */
function halvesOf({ type }: TensorType, word: string): string {
  return type === "f16"
    ? `unpack2x16float(${word})`
    : `bitcast<vec2<f32>>(vec2<u32>(${word} << 16u, ${word} & 0xffff0000u))`;
}

function quadAt({ tensor, stride }: Bound): string {
  const [, , heads = 1, width = 1] = tensor.shape;
  return `row * ${stride / 4}u + (token * ${heads}u + head) * ${width / 4}u + quad`;
}

function elementAt({ tensor, stride }: Bound): string {
  const [, , heads = 1, width = 1] = tensor.shape;
  return `row * ${stride}u + (token * ${heads}u + head) * ${width}u + quad * 4u`;
}

/** The lines where they are wanted, else none. */
export function when(wanted: boolean, lines: readonly string[]): readonly string[] {
  return wanted ? lines : [];
}

/** `count` lines or other things, made by number. */
export function each<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
