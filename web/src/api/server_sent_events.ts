// Server-sent events over fetch, because EventSource cannot send the Authorization header.
import { headers, refusalOf, unreachable } from "./client";

export interface ServerSentEvent {
  event: string;
  data: string;
}

// Cuts a stream of text into events (WHATWG HTML, 9.2.6). Feed it chunks as they come, split anywhere.
export class EventParser {
  private rest = "";
  private event = "";
  private data: string[] = [];

  feed(chunk: string): ServerSentEvent[] {
    const found: ServerSentEvent[] = [];
    const text = this.rest + chunk;
    // A trailing "\r" may be half of "\r\n"; it waits for the next chunk.
    const end = text.endsWith("\r") ? text.length - 1 : text.length;
    const lines = text.slice(0, end).split(/\r\n|\n|\r/);
    this.rest = (lines.pop() ?? "") + text.slice(end);
    for (const line of lines) {
      if (line === "") this.finish(found);
      else this.take(line);
    }
    return found;
  }

  private take(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.event = value;
    if (field === "data") this.data.push(value);
  }

  private finish(found: ServerSentEvent[]): void {
    if (this.data.length > 0) found.push({ event: this.event || "message", data: this.data.join("\n") });
    this.event = "";
    this.data = [];
  }
}

// Reads events until the server ends the stream. Throws ApiError when it cannot be opened or breaks.
export async function readEvents(
  address: string,
  take: (event: ServerSentEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    const response = await fetch(address, { headers: { ...headers(), accept: "text/event-stream" }, signal });
    if (!response.ok) throw await refusalOf(response);
    const reader = response.body?.getReader();
    if (!reader) return;
    const decoder = new TextDecoder();
    const parser = new EventParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const event of parser.feed(decoder.decode(value, { stream: true }))) take(event);
    }
  } catch (fault) {
    if (signal.aborted) return;
    throw unreachable(fault);
  }
}
