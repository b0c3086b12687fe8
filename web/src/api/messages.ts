// Messages as the APIs write them: text or parts, a list or a single prompt.
import type { Message, Trace } from "./types";

// The text of a message; parts that are no text stand as JSON. Null when there is nothing.
export function textOf(content: Message["content"]): string | null {
  if (content === null || typeof content === "string") return content;
  const parts = content.map((part) => (typeof part.text === "string" ? part.text : JSON.stringify(part)));
  return parts.join("\n");
}

export function messagesOf(input: Trace["input"]): Message[] {
  if (input === null) return [];
  return typeof input === "string" ? [{ role: "prompt", content: input }] : input;
}
