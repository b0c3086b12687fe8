// What a target's engines round the weights to while they load them, in words.
import type { Quantize } from "../../api/types";

export const ROUNDINGS: Record<Quantize, string> = {
  none: "as stored",
  int8: "in 8 bits",
  int4: "in 4 bits",
};

export const QUANTIZES = Object.keys(ROUNDINGS) as Quantize[];

// Behind a version's name; nothing where nothing is rounded.
export function roundingNote(quantize: Quantize): string {
  return quantize === "none" ? "" : `, weights ${ROUNDINGS[quantize]}`;
}
