"""Logging in at an OpenID provider: code flow with PKCE and nonce, by Authlib.

The ID token alone says who somebody is. It is taken only with a public-key signature of the
provider's own keys, from this issuer, for us, in time, with the nonce of this very login.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuthError, StarletteOAuth2App
from joserfc.errors import JoseError

from app.audit.logins import LoginUnderWay
from app.audit.sessions import Login
from app.audit.tokens import fresh_token
from app.domain.access import How, subject_of
from app.domain.permission import Role
from app.domain.value import JsonObject
from app.errors import ConfigurationError, IdentityProviderFailed, Unauthorized
from app.secrets.live import newer
from app.secrets.secrets import Secrets
from app.settings import Settings

CALLBACK = "/login/oidc/callback"
DISCOVERY = "/.well-known/openid-configuration"
TIMEOUT_SECONDS = 10
LEEWAY_SECONDS = 30

NO_CLIENT = frozenset({"invalid_client", "unauthorized_client"})
"""What a provider answers that does not know us by what we show."""

SIGNED_BY = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Signatures that are taken. Neither "none" nor one with a shared secret, whatever is offered."""


@dataclass(frozen=True)
class Begun:
    """A login that was begun: where to send the browser, and what to remember."""

    url: str
    state: str
    browser: str  # for a cookie of the browser that began it
    login: LoginUnderWay


class Oidc:
    """The provider of the settings."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        assert settings.oidc_issuer is not None
        assert settings.oidc_client_secret is not None
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._client_secret = settings.oidc_client_secret
        self._secrets = secrets
        self._claim = settings.oidc_role_claim
        self._roles = _roles_of(settings)
        self._redirect_uri = f"{settings.public_url}{CALLBACK}"
        self._app = StarletteOAuth2App(
            framework=None,
            name="oidc",
            client_id=settings.oidc_client_id,
            server_metadata_url=self._issuer.rstrip("/") + DISCOVERY,
            client_kwargs={
                "scope": "openid profile email",
                "code_challenge_method": "S256",
                "timeout": TIMEOUT_SECONDS,
            },
        )

    @classmethod
    def of(cls, settings: Settings, secrets: Secrets) -> Oidc | None:
        """The provider, where one is set. Raises ConfigurationError."""
        return None if settings.oidc_issuer is None else cls(settings, secrets)

    async def begin(self, next_path: str) -> Begun:
        """Begin a login. Raises IdentityProviderFailed."""
        state = fresh_token()
        try:
            await self._know_provider()
            made = await self._app.create_authorization_url(self._redirect_uri, state=state)
        except _FAILURES as error:
            raise self._failed(error) from error
        login = LoginUnderWay(
            nonce=made["nonce"], code_verifier=made["code_verifier"], next_path=next_path
        )
        return Begun(url=made["url"], state=state, browser=fresh_token(), login=login)

    async def finish(self, code: str, login: LoginUnderWay) -> Login:
        """Who logged in. Raises Unauthorized for what is not as it must be or has no role here."""
        claims = await self._claims(code, login)
        role = self._role_of(claims)
        if role is None:
            raise Unauthorized(
                "You are known, but have no role here.",
                hint=f"OIDC_ROLES gives roles by the claim {self._claim!r} of the ID token.",
            )
        return Login(
            person=_name_of(claims),
            role=role,
            how=How.OIDC,
            subject=subject_of(self._issuer, str(claims["sub"])),
        )

    async def _claims(self, code: str, login: LoginUnderWay) -> JsonObject:
        try:
            await self._know_provider()
            token = await self._exchanged(code, login)
            claims = await self._app.parse_id_token(
                token, login.nonce, claims_options=self._expected(), leeway=LEEWAY_SECONDS
            )
        except (JoseError, AuthlibBaseError) as error:
            # its words may quote the token: the kind of it is enough
            raise Unauthorized(
                f"The provider's answer was not taken ({type(error).__name__}).",
                hint="Log in again; where it stays so, check OIDC_ISSUER, OIDC_CLIENT_ID and the "
                "provider's clock.",
            ) from error
        except _FAILURES as error:
            raise self._failed(error) from error
        if claims is None:
            raise Unauthorized("The provider sent no ID token.", hint="It must speak OpenID.")
        return dict(claims)

    async def _exchanged(self, code: str, login: LoginUnderWay) -> Any:
        """The tokens for a code, by the client's secret as it is now: it may have been rotated."""
        shown = self._client_secret.get_secret_value()
        if not shown:  # it could not be fetched until now
            shown = await newer(self._client_secret, self._secrets, refused=shown) or ""
        try:
            return await self._exchanged_with(shown, code, login)
        except OAuthError as error:
            if error.error not in NO_CLIENT:
                raise
            fresh = await newer(self._client_secret, self._secrets, refused=shown)
            if fresh is None:
                raise Unauthorized(
                    "The provider does not take the agent's client secret.",
                    hint="Check OIDC_CLIENT_ID and OIDC_CLIENT_SECRET; keys work without it.",
                ) from error
        return await self._exchanged_with(fresh, code, login)

    async def _exchanged_with(self, secret: str, code: str, login: LoginUnderWay) -> Any:
        # taken over by the call before it waits for anything: the metadata is there already
        self._app.client_secret = secret
        return await self._app.fetch_access_token(
            self._redirect_uri, code=code, code_verifier=login.code_verifier
        )

    def _expected(self) -> dict[str, dict[str, Any]]:
        return {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "value": self._client_id},
            "nonce": {"essential": True},
            "sub": {"essential": True},
        }

    async def _know_provider(self) -> None:
        """Its metadata, once. What it offers is cut down to what we take."""
        metadata = await self._app.load_server_metadata()
        if metadata.get("issuer") != self._issuer:
            self._app.server_metadata.clear()
            raise ValueError("its metadata names another issuer than OIDC_ISSUER")
        offered = metadata.get("id_token_signing_alg_values_supported") or SIGNED_BY[:1]
        metadata["id_token_signing_alg_values_supported"] = [
            name for name in offered if name in SIGNED_BY
        ] or [SIGNED_BY[0]]

    def _role_of(self, claims: JsonObject) -> Role | None:
        held = set(values_of(claims, self._claim))
        return next((role for value, role in self._roles.items() if value in held), None)

    def _failed(self, error: Exception) -> IdentityProviderFailed:
        return IdentityProviderFailed(
            f"The identity provider {self._issuer} cannot be used: {type(error).__name__}.",
            hint="Check OIDC_ISSUER and that the provider answers there; keys of the agent work "
            "without it.",
        )


_FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError, RuntimeError)
"""What reaching a provider or understanding it may end in."""


def _roles_of(settings: Settings) -> dict[str, Role]:
    """OIDC_ROLES, checked. Machines do not log in, so nobody becomes a webhook."""
    people = {role.value: role for role in Role if role is not Role.WEBHOOK}
    given = settings.oidc_roles or {}
    for value, name in given.items():
        if name not in people:
            raise ConfigurationError(
                f"OIDC_ROLES gives {value!r} the role {name!r}; expected one of "
                f"{', '.join(people)}."
            )
    return {value: people[name] for value, name in given.items()}


def values_of(claims: JsonObject, path: str) -> Iterator[str]:
    """The values of a claim, which may lie deeper: `realm_access.roles`."""
    found: Any = claims
    for name in [path] if path in claims else path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    for value in found if isinstance(found, list) else [found]:
        if isinstance(value, str):
            yield value


def _name_of(claims: JsonObject) -> str:
    """The name that is shown: a checked address, else the provider's own names.

    Names change hands: whose vote it is, the subject says.
    """
    if claims.get("email") and claims.get("email_verified") is True:
        return str(claims["email"])
    return str(claims.get("preferred_username") or claims["sub"])
