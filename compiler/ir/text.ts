// The textual form of a module or region. `text-read.ts` reads it back: printing what was read gives the same text, and the
// graph is the same but for the spans of origins, of which the text keeps the path only. One node a line:
//   %4, %5 = repeat %1, %2 {carried: 1, constants: 0, count: 2, reverse: false} : f32[8], f32[2,8] @"model.layers" {
//     %6 = parameter "x" : f32[8]
//     …
//     yield %9, %8
//   }
// Numbers are given in order of appearance, attributes sorted by name, so that equal graphs have equal texts.
import { typeText } from "../ops/check.ts";
import { topological } from "./graph.ts";
import type {
  Attribute,
  Attributes,
  HeldTensor,
  Initial,
  Module,
  Node,
  Origin,
  Program,
  Region,
  ScalarExpression,
  Value,
  Variable,
} from "./graph.ts";

/** Lines under construction, and the numbers of the values of the regions that are open. */
interface Page {
  readonly lines: string[];
  next: number;
}

export function printModule(module: Module): string {
  const lines = [`module ${quoted(module.name)}`, ""];
  for (const variable of module.variables) lines.push(...variableLines(variable));
  for (const { name, expression } of module.scalars)
    lines.push(`scalar ${quoted(name)} = ${printScalar(expression)}`);
  for (const held of module.held ?? [])
    lines.push(`held ${quoted(held.name)}${attributesText(heldAttributes(held))}`);
  for (const program of module.programs) lines.push("", ...programLines(program));
  return `${lines.join("\n")}\n`;
}

/** A region alone, in braces. */
export function printRegion(region: Region): string {
  const page: Page = { lines: ["{"], next: 0 };
  printBody(region, page, "  ");
  return `${page.lines.join("\n")}\n}\n`;
}

/** One node as its line, without its regions' insides: for messages. Inputs stand as types. */
export function describeNode(node: Node): string {
  const inputs = node.inputs.map(typeText).join(", ");
  const types = node.outputs.map(typeText).join(", ");
  return `${node.operation}(${inputs})${attributesText(node.attributes)} : ${types}${originText(node.origin)}`;
}

function variableLines({ name, kind, stack, initial, home, origin, ...type }: Variable): string[] {
  const head = `variable ${quoted(name)} : ${typeText(type)} ${kind}${stack ? " stack" : ""}${home === undefined ? "" : ` home ${home}`}`;
  const tail = originText(origin);
  if (initial.from !== "table") return [`${head} ${initialText(initial)}${tail}`];
  const page: Page = { lines: [`${head} table${tail} {`], next: 0 };
  printBody(initial.region, page, "  ");
  return [...page.lines, "}"];
}

function initialText(initial: Exclude<Initial, { readonly from: "table" }>): string {
  return "names" in initial ? `${initial.from}(${initial.names.map(quoted).join(", ")})` : initial.from;
}

function heldAttributes({
  names,
  shape,
  format,
  staging,
  program,
  tensors,
  stored,
  blocks,
}: HeldTensor): Attributes {
  const own = blocks === undefined ? {} : { blocks };
  const held = { names, shape, format, staging, program, tensors, ...own };
  if (stored === undefined) return { ...held, stored: false };
  const { state, fields, tables } = stored;
  return {
    ...held,
    stored: [
      state,
      fields.map(({ name, value, option }) => (value === undefined ? [name, option] : [name, option, value])),
      tables.map(({ name, variable }) => [name, variable]),
      stored.names,
    ],
  };
}

export function printScalar(expression: ScalarExpression): string {
  if (typeof expression === "number") return numberText(expression);
  if ("name" in expression) return nameText(expression.name);
  return `${nameText(expression.apply)}(${expression.to.map(printScalar).join(", ")})`;
}

/** Parameters stand as reads and results as writes, with the variable's name; a parameter of another name says so. */
function programLines({ name, parts, reads, writes, region }: Program): string[] {
  const each = parts === undefined ? "" : ` each ${parts}`;
  const page: Page = { lines: [`program ${quoted(name)}${each} {`], next: 0 };
  const names = new Map<Value, string>();
  region.parameters.forEach((parameter, index) => {
    const own = parameter.node.attributes["name"];
    const read = reads[index] ?? "";
    const also = own === read ? "" : ` as ${attributeText(own ?? "")}`;
    const left = numberOutputs(parameter.node, names, page);
    page.lines.push(
      `  ${left} = read ${quoted(read)}${also} : ${typeText(parameter)}${originText(parameter.node.origin)}`,
    );
  });
  printNodes(region, names, page, "  ");
  region.results.forEach((result, index) =>
    page.lines.push(`  write ${quoted(writes[index] ?? "")} = ${names.get(result) ?? "?"}`),
  );
  return [...page.lines, "}"];
}

function printBody(region: Region, page: Page, indent: string): void {
  const names = new Map<Value, string>();
  for (const { node, ...type } of region.parameters) {
    const left = numberOutputs(node, names, page);
    const name = attributeText(node.attributes["name"] ?? "");
    page.lines.push(`${indent}${left} = parameter ${name} : ${typeText(type)}${originText(node.origin)}`);
  }
  printNodes(region, names, page, indent);
  page.lines.push(
    `${indent}yield ${region.results.map((result) => names.get(result) ?? "?").join(", ")}`.trimEnd(),
  );
}

function printNodes(region: Region, names: Map<Value, string>, page: Page, indent: string): void {
  for (const node of topological(region.results)) {
    if (node.operation === "parameter") continue;
    const inputs = node.inputs.map((input) => ` ${names.get(input) ?? "?"}`).join(",");
    const left = numberOutputs(node, names, page);
    const types = node.outputs.map(typeText).join(", ");
    const line = `${indent}${left} = ${node.operation}${inputs}${attributesText(node.attributes)} : ${types}`;
    page.lines.push(`${line}${originText(node.origin)}${node.regions.length > 0 ? " {" : ""}`);
    node.regions.forEach((inner, index) => {
      if (index > 0) page.lines.push(`${indent}} {`);
      printBody(inner, page, `${indent}  `);
    });
    if (node.regions.length > 0) page.lines.push(`${indent}}`);
  }
}

function numberOutputs(node: Node, names: Map<Value, string>, page: Page): string {
  return node.outputs
    .map((output) => {
      const name = `%${page.next}`;
      page.next += 1;
      names.set(output, name);
      return name;
    })
    .join(", ");
}

function originText({ path }: Origin): string {
  return path === "" ? "" : ` @${quoted(path)}`;
}

function attributesText(attributes: Attributes): string {
  const entries = Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  if (entries.length === 0) return "";
  return ` {${entries.map(([name, value]) => `${nameText(name)}: ${attributeText(value)}`).join(", ")}}`;
}

function attributeText(value: Attribute): string {
  if (typeof value === "number") return numberText(value);
  if (typeof value === "string") return quoted(value);
  if (typeof value === "boolean") return String(value);
  return `[${value.map(attributeText).join(", ")}]`;
}

/** Numbers read back as the same float64. */
function numberText(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? "-0" : String(value);
  return `#${value}`;
}

/** Names stand bare where they look like names. */
function nameText(name: string): string {
  return /^[A-Za-z_][\w.]*$/.test(name) ? name : quoted(name);
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
