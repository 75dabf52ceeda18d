"""Every transaction takes the role of the application and says for whom it acts.

A table's owner and superusers pass by its policies. So the tables belong to whoever runs setup, and
the load acts as a role that owns nothing: policies are all that it has.
"""

from __future__ import annotations

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from shop_tenants.config import ShopTenantsConfig
from stormdb.plugin import Config, Context, Finding, Metrics, Workload
from stormdb.workload import Tx, Value, cast, transaction, uniform, zipf

TENANTS_PER_SCALE = 10
PRODUCTS = 100  # of each tenant
STOCK = 1_000_000_000

# Roles belong to the whole server: this one is named after the schema, cannot log in, and goes with
# the data, unless another database of the server uses it too.
SCHEMA = "stormdb_shop_tenants"
ROLE = f"{SCHEMA}_app"

MAKE_ROLE = f"""
DO $$ BEGIN
    CREATE ROLE {ROLE} NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
GRANT {ROLE} TO CURRENT_USER;
"""

TENANT = "nullif(current_setting('shop.tenant', true), '')::int"
"""Whom the transaction acts for; NULL, and so nobody, if it does not say."""

TABLES = f"""
CREATE TABLE IF NOT EXISTS tenant (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE IF NOT EXISTS product (
    tenant_id int NOT NULL DEFAULT {TENANT} REFERENCES tenant,
    id        int NOT NULL,
    name      text NOT NULL,
    stock     bigint NOT NULL CHECK (stock >= 0),
    PRIMARY KEY (tenant_id, id)
);
CREATE TABLE IF NOT EXISTS purchase (
    tenant_id  int NOT NULL DEFAULT {TENANT},
    id         bigint GENERATED ALWAYS AS IDENTITY,
    product_id int NOT NULL,
    quantity   int NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, product_id) REFERENCES product
);
"""

# The same condition for what is seen and, as there is no WITH CHECK, for what is written.
POLICIES = f"""
ALTER TABLE product ENABLE ROW LEVEL SECURITY;
ALTER TABLE purchase ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_product ON product TO {ROLE} USING (tenant_id = {TENANT});
CREATE POLICY own_purchase ON purchase TO {ROLE} USING (tenant_id = {TENANT});
GRANT USAGE ON SCHEMA {SCHEMA} TO {ROLE};
GRANT SELECT, UPDATE ON product TO {ROLE};
GRANT SELECT, INSERT ON purchase TO {ROLE};
"""

# SET LOCAL ROLE and SET LOCAL shop.tenant, in one round trip and until the transaction ends.
ACT_FOR = f"SELECT set_config('role', '{ROLE}', true), set_config('shop.tenant', $1, true)"
BROWSE = "SELECT id, name, stock FROM product WHERE id BETWEEN $1 AND $1 + 9 ORDER BY id"
SELL = "UPDATE product SET stock = stock - $2 WHERE id = $1"
BUY = "INSERT INTO purchase (product_id, quantity) VALUES ($1, $2)"
PEEK = "SELECT name FROM product WHERE tenant_id = $1 AND id = $2"

SOLD = """
SELECT count(*) FROM product
WHERE stock + (SELECT coalesce(sum(quantity), 0) FROM purchase
               WHERE (tenant_id, product_id) = (product.tenant_id, product.id)) <> $1
"""
SEEN = """
SELECT (SELECT count(*) FROM product) AS products, (SELECT count(*) FROM purchase) AS purchases,
       (SELECT count(*) FROM product WHERE tenant_id IS DISTINCT FROM $1)
       + (SELECT count(*) FROM purchase WHERE tenant_id IS DISTINCT FROM $1) AS others
"""


class ShopTenants(Workload):
    """Tenants look at their products, and sell them; now and then one tries another's."""

    config_model = ShopTenantsConfig

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        async with db.acquire() as connection, connection.transaction():
            if await connection.fetchval(
                "SELECT to_regclass($1) IS NOT NULL", f"{SCHEMA}.purchase"
            ):
                return
            await connection.execute(MAKE_ROLE)
            await connection.execute(TABLES)
            await connection.execute(
                "INSERT INTO tenant SELECT id, 'tenant ' || id FROM generate_series(1, $1) AS id",
                tenants(cfg),
            )
            await connection.execute(
                "INSERT INTO product (tenant_id, id, name, stock)"
                " SELECT tenant.id, product, 'product ' || product, $2"
                " FROM tenant, generate_series(1, $1) AS product",
                PRODUCTS,
                STOCK,
            )
            await connection.execute(POLICIES)
            await connection.execute("ANALYZE tenant, product")

    async def cleanup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        async with db.acquire() as connection, connection.transaction():
            await connection.execute("DROP TABLE IF EXISTS purchase, product, tenant")
            if not await connection.fetchval("SELECT to_regrole($1) IS NOT NULL", ROLE):
                return
            await connection.execute(f"DROP OWNED BY {ROLE}")  # what it was granted here
            try:
                async with connection.transaction():
                    await connection.execute(f"DROP ROLE {ROLE}")
            except asyncpg.DependentObjectsStillExistError:
                ctx.log.info("the role %s stays: another database uses it", ROLE)

    @transaction(weight=lambda cfg: 95 - cfg.workload_config.order_percent)
    def browse(self, tx: Tx, cfg: Config) -> None:
        with tx.block():
            self._act(tx, cfg)
            tx.execute(BROWSE, uniform(1, PRODUCTS - 9), rows=10, label="products")

    @transaction(weight=lambda cfg: cfg.workload_config.order_percent)
    def order(self, tx: Tx, cfg: Config) -> None:
        product = tx.let("product", uniform(1, PRODUCTS))
        quantity = tx.let("quantity", uniform(1, 5))
        with tx.block():
            self._act(tx, cfg)
            tx.execute(SELL, product, quantity, rows=1, label="sell")
            tx.execute(BUY, product, quantity, rows=1, label="buy")

    @transaction(weight=5)
    def peek(self, tx: Tx, cfg: Config) -> None:
        with tx.block():
            tenant = self._act(tx, cfg)
            other = 1 + tenant % tenants(cfg)
            tx.execute(PEEK, other, uniform(1, PRODUCTS), rows=0, label="another's")

    def _act(self, tx: Tx, cfg: Config) -> Value:
        tenant = tx.let("tenant", 1 + zipf(tenants(cfg), skew=cfg.workload_config.tenant_skew))
        tx.execute(ACT_FOR, cast(tenant, str), rows=1, label="act for")
        return tenant

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        """The same for the coroutine executor."""
        options: ShopTenantsConfig = cfg.workload_config
        numbers = range(1, tenants(cfg) + 1)
        weights = [n**-options.tenant_skew for n in numbers]
        (tenant,) = ctx.random.choices(numbers, weights)
        product, draw = ctx.random.randint(1, PRODUCTS), ctx.random.randrange(100)
        name = "peek" if draw < 5 else "order" if draw < 5 + options.order_percent else "browse"
        async with (
            db.acquire() as connection,
            metrics.operation(name),
            connection.transaction(),
        ):
            await connection.execute(ACT_FOR, str(tenant))
            match name:
                case "peek":
                    seen = await connection.fetch(PEEK, 1 + tenant % tenants(cfg), product)
                    if seen:
                        raise LookupError(f"tenant {tenant} sees a product of another one")
                case "order":
                    quantity = ctx.random.randint(1, 5)
                    await connection.execute(SELL, product, quantity)
                    await connection.execute(BUY, product, quantity)
                case "browse":
                    await connection.fetch(BROWSE, min(product, PRODUCTS - 9))

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        wrong = await db.fetchval(SOLD, STOCK)
        leaks = []
        async with db.acquire() as connection:
            for tenant in [None, *range(1, tenants(cfg) + 1)]:
                leaks += await self._leaks(connection, tenant)
        return [
            Finding(name="what was sold was bought", ok=wrong == 0, detail=f"{wrong} differ"),
            Finding(
                name="each tenant sees all of its own rows, and no others",
                ok=not leaks,
                detail="; ".join(leaks[:3]) or f"{tenants(cfg)} tenants, and nobody",
            ),
        ]

    async def _leaks(self, connection: PoolConnectionProxy, tenant: int | None) -> list[str]:
        """What is wrong with what a tenant sees; None is a transaction that does not say whose."""
        purchases = await connection.fetchval(
            "SELECT count(*) FROM purchase WHERE tenant_id = $1", tenant
        )
        wanted = (0 if tenant is None else PRODUCTS, purchases, 0)
        async with connection.transaction(readonly=True):
            await connection.execute(ACT_FOR, str(tenant or ""))
            (seen,) = await connection.fetch(SEEN, tenant)
        found = tuple(seen)
        return [] if found == wanted else [f"tenant {tenant}: {found} instead of {wanted}"]


def tenants(cfg: Config) -> int:
    """How many tenants there are; they are numbered from 1."""
    return TENANTS_PER_SCALE * cfg.scale
