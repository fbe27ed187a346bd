// Optimizers that update while the backward pass goes on (`during backward`): a layer's gradients are used as soon as they are
// there and then gone. What needs all gradients of a step before the first update cannot be combined with that.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import type { Span } from "../../grammar/source.ts";
import type { Definition } from "../../grammar/syntax.ts";
import type { Settings } from "../language/settings.ts";

/** Whether the optimizer says so; the parser leaves no other word after `during` unreported. */
export function updatesDuringBackward({ during }: Definition): boolean {
  return during?.text === "backward";
}

/** What the recipe says that needs all gradients at once, at the place where it says so. */
export function conflicts(settings: Settings, optimizer: Definition): readonly Diagnostic[] {
  if (!updatesDuringBackward(optimizer)) return [];
  const { clip, accumulation, precision, method } = settings;
  const name = optimizer.name.text;
  const conflict = (span: Span, what: string, why: string, edit: string): Diagnostic =>
    problem(
      "FTL0731",
      span,
      `'${name}' updates during the backward pass, which excludes ${what}: ${why}`,
      edit,
      {
        related: [{ span: optimizer.during?.span ?? optimizer.name.span, label: "said here" }],
      },
    );
  const found: Diagnostic[] = [];
  if (clip !== undefined) {
    const why = "the norm of all gradients is known only after the last of them, when the first are used up";
    found.push(conflict(clip.span, "clipping by norm", why, "leave 'clip' out"));
  }
  if (accumulation.value !== 1) {
    const why = "gradients of several micro-batches would have to be kept to be added";
    found.push(conflict(accumulation.span, "accumulation", why, "write accumulation 1"));
  }
  if (precision.value !== "f32" && precision.value.lossScale !== "none") {
    const why =
      "whether a step overflows is known only after the last gradient, when weights have changed already";
    found.push(conflict(precision.span, "loss scaling", why, "write loss_scale: none, or precision f32"));
  }
  if (method !== undefined) {
    const why = "it estimates gradients without one, or for all parameters at once";
    found.push(conflict(method.span, `the method '${method.name.value}'`, why, "leave 'method' out"));
  }
  return found;
}
