// What long work shows while it lasts: on a terminal one line that is drawn again, elsewhere a line now and then.
// Comes in: texts, as often as there are any. Goes out: lines on standard error. Holds: lines that must stay (`note`) always do;
// a drawn line is never left half on the screen; nothing is written when the text would be the same.
import type { Terminal } from "./terminal.ts";

export interface Progress {
  /** The state of the work now; `important` is shown wherever it goes. */
  readonly show: (text: string, important?: boolean) => void;
  /** A line that stays. */
  readonly note: (text: string) => void;
  /** Removes the drawn line. */
  readonly end: () => void;
}

const redraw = 100;
const between = 10_000;

/** `now` is in milliseconds, of any beginning. */
export function progress(terminal: Terminal, now: () => number = () => performance.now()): Progress {
  let shown = "";
  let at = -Infinity;
  const clear = (): void => {
    if (terminal.live && shown !== "") terminal.draw("\r\x1b[2K");
    shown = "";
  };
  return {
    show: (text, important = false) => {
      if (text === shown || (!important && now() - at < (terminal.live ? redraw : between))) return;
      at = now();
      shown = text;
      if (terminal.live) terminal.draw(`\r\x1b[2K${cut(text, terminal.columns - 1)}`);
      else terminal.err(text);
    },
    note: (text) => {
      clear();
      terminal.err(text);
    },
    end: clear,
  };
}

function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, columns - 1)}…`;
}
