// The page begins here.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "../kit/tokens.css";
import "../kit/base.css";
import "../kit/kit.css";
import "../kit/frame.css";
import "../kit/drawing.css";
import { App } from "./app";

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
