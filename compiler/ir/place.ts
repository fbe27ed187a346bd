// Names of what stands in repeated layers: `{i}` stands for the number of the turn, `{2i+1}` for the layer that it is there.

/** The layer `times` · i + `plus`, as a name writes it. */
export function numbered(times: number, plus: number): string {
  return `{${times === 1 ? "" : times}i${plus === 0 ? "" : `+${plus}`}}`;
}

/** The name in one turn. */
export function inTurn(name: string, turn: number): string {
  return name.replaceAll(/\{(\d*)i(?:\+(\d+))?\}/g, (_, times: string, plus: string | undefined) =>
    String((times === "" ? 1 : Number(times)) * turn + Number(plus ?? 0)),
  );
}
