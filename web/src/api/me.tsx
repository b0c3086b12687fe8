// Who is signed in, and what they may do.
import { type ReactNode, createContext, useContext } from "react";
import type { Me } from "./types";

const Context = createContext<Me | null>(null);

export function MeProvider({ me, children }: { me: Me; children: ReactNode }) {
  return <Context value={me}>{children}</Context>;
}

export function useMe(): Me {
  const me = useContext(Context);
  if (!me) throw new Error("useMe is used outside a MeProvider");
  return me;
}

// True when the signed-in key has the permission, such as "deployments.write".
export function useMay(permission: string): boolean {
  return useMe().permissions.includes(permission);
}
