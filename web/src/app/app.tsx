// Who is here: nobody (sign in), somebody whose key is being checked, or somebody with a page open.
import { MeProvider } from "../api/me";
import { session } from "../api/session";
import { useQuery, useSessionKey } from "../api/use_query";
import { Button } from "../kit/basics";
import { News } from "../kit/dialog";
import { Empty, ErrorState, Skeleton } from "../kit/states";
import { Link, match, usePath } from "../kit/router";
import { Page } from "../kit/page";
import { LoginPage } from "../rooms/security/login_page";
import { ROUTES } from "./routes";
import { Shell } from "./shell";

export function App() {
  const key = useSessionKey();
  return (
    <>
      {key ? <SignedIn key={key} /> : <LoginPage />}
      <News />
    </>
  );
}

function SignedIn() {
  const me = useQuery("GET /api/v1/me", {});
  if (me.data) {
    return (
      <MeProvider me={me.data}>
        <Shell>
          <Here />
        </Shell>
      </MeProvider>
    );
  }
  return (
    <main className="page">
      <h1 className="visually-hidden">Capstan</h1>
      {me.error ? <ErrorState error={me.error} retry={me.reload} /> : <Skeleton />}
      {me.error && (
        <p className="row center">
          <Button look="quiet" onClick={() => session.end()}>
            Sign out
          </Button>
        </p>
      )}
    </main>
  );
}

function Here() {
  const path = usePath();
  for (const { pattern, page: Found } of ROUTES) {
    const params = match(pattern, path);
    if (params) return <Found key={path} params={params} />;
  }
  return (
    <Page title="No such page">
      <Empty title={`There is nothing at ${path}`}>
        <Link to="/">Go to the loop</Link>
      </Empty>
    </Page>
  );
}
