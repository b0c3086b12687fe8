// Builds the page into dist/, which capstan serve hands out; in development it passes the API on to a server.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = "http://127.0.0.1:8080";

export default defineConfig({
  base: "/",
  plugins: [react()],
  test: { include: ["src/**/*.test.ts"], environment: "node" },
  build: { target: "es2022", cssTarget: ["chrome123", "firefox120", "safari17.5"], assetsInlineLimit: 0 },
  server: { host: "127.0.0.1", proxy: { "/api": server, "/v1": server } },
});
