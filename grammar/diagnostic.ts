// A mistake, as data: what the parser, the checker, the elaborator and the verifier report. Nothing here draws or throws;
// drawing is `compiler/diagnostics/render.ts`. A diagnostic's wording stands beside the check that makes it.
import type { Span } from "./source.ts";

export type Severity = "error" | "warning";

/** Another place that matters to the mistake, such as where the other shape came from. */
export interface Related {
  readonly span: Span;
  readonly label: string;
}

/** One textual edit that would repair the mistake: replace what `span` covers by `text`. */
export interface Edit {
  readonly span: Span;
  readonly text: string;
  /** What the edit does, in the imperative: "write 'checkpoint'". */
  readonly label: string;
}

export interface Diagnostic {
  /** Stable, such as "FTL0203"; `ftlc explain CODE` prints the long explanation. */
  readonly code: string;
  readonly severity: Severity;
  /** One calm line without a full stop. */
  readonly message: string;
  readonly span: Span;
  /** A few words set beside the marked span. */
  readonly label: string;
  readonly related: readonly Related[];
  readonly edits: readonly Edit[];
}

/** An error diagnostic; `extra` adds the other places and the edits. */
export function problem(
  code: string,
  span: Span,
  message: string,
  label: string,
  extra: {
    readonly related?: readonly Related[];
    readonly edits?: readonly Edit[];
    readonly severity?: Severity;
  } = {},
): Diagnostic {
  const { related = [], edits = [], severity = "error" } = extra;
  return { code, severity, message, span, label, related, edits };
}
