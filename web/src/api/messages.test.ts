// Every form of input that OpenAI's API knows comes out as readable turns.
import { describe, expect, it } from "vitest";
import { messagesOf, textOf } from "./messages";

describe("textOf", () => {
  it("joins parts and keeps what is no text", () => {
    const image = { type: "image_url", image_url: { url: "x" } };
    expect(textOf([{ type: "text", text: "a" }, image])).toBe(`a\n${JSON.stringify(image)}`);
    expect([textOf("b"), textOf(null)]).toEqual(["b", null]);
  });
});

describe("messagesOf", () => {
  it("takes messages, a prompt, or nothing", () => {
    const message = { role: "user", content: "hello" };
    expect(messagesOf([message])).toEqual([message]);
    expect(messagesOf("once upon")).toEqual([{ role: "prompt", content: "once upon" }]);
    expect(messagesOf(null)).toEqual([]);
  });
});
