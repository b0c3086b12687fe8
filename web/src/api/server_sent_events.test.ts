// Events cut anywhere come out whole.
import { describe, expect, it } from "vitest";
import { EventParser, type ServerSentEvent } from "./server_sent_events";

const STREAM = [
  ': hello\n\nevent: metrics\ndata: {"step":1}\n\r\n',
  "event: status\r\ndata: one\r\ndata: two\r\n\r\n",
  "id: 7\rdata:three\r\r",
  "data: unfinished",
].join("");
const EXPECTED: ServerSentEvent[] = [
  { event: "metrics", data: '{"step":1}' },
  { event: "status", data: "one\ntwo" },
  { event: "message", data: "three" },
];

describe("EventParser", () => {
  it("reads every form of line end, comments, and data of several lines", () => {
    expect(new EventParser().feed(STREAM)).toEqual(EXPECTED);
  });
  it("gives the same wherever the stream is cut", () => {
    for (let size = 1; size < 12; size += 1) {
      const parser = new EventParser();
      const found: ServerSentEvent[] = [];
      for (let at = 0; at < STREAM.length; at += size)
        found.push(...parser.feed(STREAM.slice(at, at + size)));
      expect(found).toEqual(EXPECTED);
    }
  });
  it("does not give an event without data", () => {
    expect(new EventParser().feed("event: ping\n\n")).toEqual([]);
  });
});
