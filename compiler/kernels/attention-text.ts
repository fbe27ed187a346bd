// The tensors that one dispatch of attention binds, the WGSL functions that read and write them, and the kernel made of both.
// A head's vector is read and written in quads: four neighbouring elements, zero past its end. A value that stands at several
// inputs is bound once. What is never asked for has no binding.
import { sizeOf, type Node, type TensorType } from "../ir/graph.ts";
import type { DeviceProfile, KernelBinding } from "../plan/plan.ts";
import type { BackwardCall, ForwardCall } from "./attention-call.ts";
import { spread } from "./draft.ts";
import type { BoundValue, Kernel, Layouts } from "./kernel.ts";
import { touched } from "./memory.ts";

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
  readonly #names = new Map<string, string>();

  constructor(node: Node, layouts: Layouts) {
    this.#node = node;
    this.#layouts = layouts;
  }

  /** Declares `read_NAME(row, token, head, quad)` of an input [rows, tokens, heads, width]. */
  readVectors(name: string, input: number): void {
    const bound = this.#input(name, input);
    const head = `fn read_${name}(row: u32, token: u32, head: u32, quad: u32) -> vec4<f32> {`;
    if (bound.wide) {
      this.#functions.push(`${head}\n  return ${bound.name}[${quadAt(bound)}];\n}`);
      return;
    }
    const width = bound.tensor.shape[3] ?? 1;
    const lanes = LANES.map((lane, index) => {
      const read = `value.${lane} = ${bound.name}[at + ${index}u];`;
      return index === 0 ? read : `if (quad * 4u + ${index}u < ${width}u) { ${read} }`;
    });
    const lines = [`let at = ${elementAt(bound)};`, "var value = vec4<f32>();", ...lanes, "return value;"];
    this.#functions.push([head, ...lines.map((line) => `  ${line}`), "}"].join("\n"));
  }

  /** Declares `put_NAME(row, token, head, quad, value)` of an output [rows, tokens, heads, width]. */
  putVectors(name: string, output: number): void {
    const bound = this.#output(name, output);
    const head = `fn put_${name}(row: u32, token: u32, head: u32, quad: u32, value: vec4<f32>) {`;
    if (bound.wide) {
      this.#functions.push(`${head}\n  ${bound.name}[${quadAt(bound)}] = value;\n}`);
      return;
    }
    const width = bound.tensor.shape[3] ?? 1;
    const lanes = LANES.map((lane, index) => {
      const write = `${bound.name}[at + ${index}u] = value.${lane};`;
      return index === 0 ? write : `if (quad * 4u + ${index}u < ${width}u) { ${write} }`;
    });
    const lines = [`let at = ${elementAt(bound)};`, ...lanes];
    this.#functions.push([head, ...lines.map((line) => `  ${line}`), "}"].join("\n"));
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
          `@group(0) @binding(${index}) var<storage, read_write> ${name}: array<${wide ? "vec4<f32>" : tensor.type}>;`,
      ),
      ...text.globals,
      ...this.#functions,
      `@compute @workgroup_size(${workgroupSize.join(", ")})`,
      "fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {",
      `  let group = ${number};`,
      ...(x * y * z === groups ? [] : [`  if (group >= ${groups}u) { return; }`]),
      ...text.body.map((line) => `  ${line}`),
      "}",
      "",
    ].join("\n");
    const bindings = this.#bound.map(({ name, value, elements }): KernelBinding => {
      const writes = value.output !== undefined;
      return { name, access: "read_write", reads: !writes, writes, bytes: elements * 4 };
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
