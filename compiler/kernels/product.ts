// What the kernels of matrix products share: the sizes of the product in a region, its operands and what follows it as WGSL
// functions of places. Rows of all batches are one matrix where the right-hand side is shared.
//   left(batch, m, k), right(batch, k, n)   one element, or four along the axis in which memory is contiguous
//   finish(batch, m, n, value)              stores the results at one element, or at neighbouring columns
import { sizeOf, type Node, type Region, type Value } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import { boundsOf } from "./ends.ts";
import { has16Bit, nodesOf, type Task } from "./draft.ts";
import { add, constant, ravel, scale, unravel, variable, type Index } from "./index.ts";
import { plainLayouts } from "./kernel.ts";
import { Memory } from "./memory.ts";
import { NoExpression, sceneOf, Tracer, type Resolve, type Scene } from "./trace.ts";
import { Writer } from "./writer.ts";

export interface Product {
  readonly node: Node;
  readonly left: Value;
  readonly right: Value;
  readonly result: Value;
  readonly batches: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  placeLeft(batch: Index, m: Index, k: Index): readonly Index[];
  placeRight(batch: Index, k: Index, n: Index): readonly Index[];
}

export function isProduct(node: Node): boolean {
  return operationOf(node.operation).lowering.kind === "product";
}

export function productIn(region: Region): Product {
  const found = nodesOf(region).filter(isProduct);
  const [node] = found;
  if (node === undefined || found.length !== 1) throw new NoExpression("not one product");
  return readProduct(node);
}

export function readProduct(node: Node): Product {
  const [left, right] = node.inputs;
  const [result] = node.outputs;
  if (left === undefined || right === undefined || result === undefined) throw new NoExpression("no product");
  const flipLeft = node.attributes["transpose_a"] === true;
  const flipRight = node.attributes["transpose_b"] === true;
  const batch = left.shape.slice(0, -2);
  const rows = result.shape.at(-2) ?? 1;
  const n = result.shape.at(-1) ?? 1;
  const k = left.shape.at(flipLeft ? -2 : -1) ?? 1;
  const shared = right.shape.length === 2;
  const merged = shared && !flipLeft;
  return {
    node,
    left,
    right,
    result,
    batches: merged ? 1 : sizeOf(batch),
    m: merged ? rows * sizeOf(batch) : rows,
    n,
    k,
    placeLeft(at, m, inner) {
      if (merged) return [...unravel(m, [...batch, rows]), inner];
      return [...unravel(at, batch), ...(flipLeft ? [inner, m] : [m, inner])];
    },
    placeRight(at, inner, column) {
      const place = flipRight ? [column, inner] : [inner, column];
      return shared ? place : [...unravel(at, batch), ...place];
    },
  };
}

/** Along which axis four neighbours are read at once: the inner one, the other one, or neither (`step`: which is contiguous). */
export interface Reading {
  readonly lanes: 1 | 4;
  readonly along: "inner" | "outer";
}

/** How an operand is best read, found out by looking at the addresses of its loads. */
export function readingOf(product: Product, side: "left" | "right", { region, layouts }: Task): Reading {
  const sizes = { inner: product.k, outer: side === "left" ? product.m : product.n };
  const contiguous = (["inner", "outer"] as const).map((along) => {
    const trails = [0, 1].map((lane) => {
      const memory = new Memory(region.parameters, region.results, { ...layouts, inPlace: [] }, new Set());
      trace(product, side, sceneOf(region, memory), new Writer(1), along, lane);
      return memory.loaded.map(({ address }) => address);
    });
    const [here = [], next = []] = trails;
    const found = (step: number): number =>
      here.filter((address, index) => add(address, constant(step)).key === next[index]?.key).length;
    return { neighbours: found(1), same: found(0) };
  });
  // Where neighbours are nowhere side by side, as codes in words, those that share words are read together.
  const isPacked = contiguous.every(({ neighbours }) => neighbours === 0);
  const [inner = 0, outer = 0] = contiguous.map(({ neighbours, same }) => (isPacked ? same : neighbours));
  const order = inner >= outer ? (["inner", "outer"] as const) : (["outer", "inner"] as const);
  const along = order[0];
  if (sizes[along] % 4 === 0 && (along === "inner" ? inner : outer) > 0) return { lanes: 4, along };
  return { lanes: 1, along };
}

/** One element of an operand; `lane` is added along an axis. */
function trace(
  product: Product,
  side: "left" | "right",
  scene: Scene,
  writer: Writer,
  along: "inner" | "outer",
  lane: number,
): string {
  const batch = variable("batch", product.batches);
  const tracer = new Tracer(scene, writer);
  const step = (axis: "inner" | "outer", name: string, size: number): Index =>
    axis === along
      ? add(scale(variable(name, Math.ceil(size / 4)), 4), constant(lane))
      : variable(name, size);
  const k = step("inner", "k", product.k);
  if (side === "left")
    return tracer.expression(product.left, product.placeLeft(batch, step("outer", "m", product.m), k));
  return tracer.expression(product.right, product.placeRight(batch, k, step("outer", "n", product.n)));
}

/** A WGSL function that reads an operand; with four lanes, the coordinate along them counts groups of four. */
export function operandText(
  product: Product,
  side: "left" | "right",
  reading: Reading,
  scene: Scene,
  times: number,
  resolve?: Resolve,
): { readonly text: string; readonly flops: number } {
  const writer = new Writer(times);
  const { lanes, along } = reading;
  const batch = variable("batch", product.batches);
  const tracer = new Tracer(scene, writer, resolve);
  const outer = side === "left" ? product.m : product.n;
  const name = side === "left" ? "m" : "n";
  const values = Array.from({ length: lanes }, (_, lane) => {
    const step = (axis: string, called: string, size: number): Index =>
      lanes === 4 && axis === along
        ? add(scale(variable(called, size / 4), 4), constant(lane))
        : variable(called, size);
    const k = step("inner", "k", product.k);
    const o = step("outer", name, outer);
    return side === "left"
      ? tracer.expression(product.left, product.placeLeft(batch, o, k))
      : tracer.expression(product.right, product.placeRight(batch, k, o));
  });
  const type = lanes === 4 ? "vec4<f32>" : "f32";
  const parameters = side === "left" ? "batch: u32, m: u32, k: u32" : "batch: u32, k: u32, n: u32";
  const whole = values[0]?.endsWith(".x") === true ? values[0].slice(0, -2) : "";
  const isWhole = whole !== "" && values.every((value, lane) => value === `${whole}.${"xyzw"[lane] ?? ""}`);
  const result = lanes === 1 ? (values[0] ?? "") : isWhole ? whole : `vec4<f32>(${values.join(", ")})`;
  return {
    text: `fn ${side}(${parameters}) -> ${type} {\n${bodyOf(writer)}  return ${result};\n}`,
    flops: writer.count.flops,
  };
}

/** How many neighbouring columns are stored at once. */
export function lanesOfResult(product: Product, region: Region): 1 | 2 | 4 {
  if (product.n % 4 === 0) return 4;
  if (!has16Bit(region)) return 1;
  if (product.n % 2 !== 0) throw new NoExpression("16-bit rows of odd length");
  return 2;
}

export function finishText(
  product: Product,
  lanes: 1 | 2 | 4,
  region: Region,
  scene: Scene,
  resolve: Resolve = () => undefined,
): { readonly text: string; readonly flops: number } {
  const { batches, m, n, result } = product;
  const total = batches * m * n;
  if (region.results.some(({ shape }) => sizeOf(shape) !== total))
    throw new NoExpression("results of other sizes");
  const writer = new Writer(total / lanes);
  const column = lanes === 1 ? variable("n", n) : scale(variable("n", n / lanes), lanes);
  const start = add(add(scale(variable("batch", batches), m * n), scale(variable("m", m), n)), column);
  const places = Array.from({ length: lanes }, (_, lane) => add(start, constant(lane)));
  const tracer = new Tracer(scene, writer, (value, at) => {
    if (value !== result) return resolve(value, at);
    const key = ravel(at, result.shape).key;
    const lane = places.findIndex((place) => place.key === key);
    if (lane < 0) return undefined;
    return lanes === 1 ? "value" : `value.${"xyzw"[lane] ?? ""}`;
  });
  const stores = region.results.map((value) => {
    const at = places.map((place) => unravel(place, value.shape));
    return { at, values: at.map((place) => tracer.stored(value, place)) };
  });
  stores.forEach(({ at, values }, output) => scene.memory.store(writer, output, at, values));
  const type = lanes === 1 ? "f32" : `vec${lanes}<f32>`;
  return {
    text: `fn finish(batch: u32, m: u32, n: u32, value: ${type}) {\n${bodyOf(writer)}}`,
    flops: writer.count.flops,
  };
}

function bodyOf(writer: Writer): string {
  const text = writer.text();
  return text === "" ? "" : `${text}\n`;
}

/** Whether the region is a product with expressions around it; counts go to the scene's memory and the result. */
export function surveyProduct(
  region: Region,
  tile: { readonly rows: number; readonly columns: number },
): { readonly scene: Scene; readonly flops: number; readonly product: Product } {
  const product = productIn(region);
  const memory = new Memory(region.parameters, region.results, plainLayouts, new Set());
  const scene = sceneOf(region, memory);
  const { batches, m, n, k } = product;
  const single: Reading = { lanes: 1, along: "inner" };
  // Bounds are read once, not for every element.
  const bounds = Object.values(boundsOf(product, region));
  const resolve: Resolve = (value) => (bounds.includes(value) ? "end" : undefined);
  const left = operandText(
    product,
    "left",
    single,
    scene,
    batches * m * k * Math.ceil(n / tile.columns),
    resolve,
  );
  const right = operandText(
    product,
    "right",
    single,
    scene,
    batches * k * n * Math.ceil(m / tile.rows),
    resolve,
  );
  lanesOfResult(product, region);
  const finish = finishText(product, lanesOfResult(product, region) === 1 ? 1 : 2, region, scene, resolve);
  return { scene, flops: left.flops + right.flops + finish.flops, product };
}
