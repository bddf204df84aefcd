"""Spark as the ground on which records are compared: the extra `spark`, and Java 17 or later.

What Spark must put on a disk (shuffles, what does not fit into memory) it encrypts under a key that only its own memory
holds, in a folder that goes with the run; records reach it through sockets, not files; it keeps no history of what it
was asked. A run that was killed leaves ciphertext without a key, which the next run takes away.
"""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from py4j.protocol import Py4JError
from pyspark import SparkConf, SparkContext, StorageLevel
from pyspark.errors import PySparkException, PySparkRuntimeError
from pyspark.java_gateway import launch_gateway
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.functions import arrow_udf
from rapidfuzz.distance import JaroWinkler
from splink.backends.spark import SparkAPI, similarity_jar_location

from steelthread.identity.match.conditions import LIKENESS
from steelthread.identity.match.engine import Engine
from steelthread.identity.match.ground import Dialect, Ground, Numbers
from steelthread.kit import Invalid, Unavailable

__all__ = ["Engine", "SparkGround", "in_spark"]
JAVA = 17
"""The oldest Java on which Spark 4 runs."""
_INSTALL = "Install one (Debian: apt-get install openjdk-17-jre-headless), or name it in JAVA_HOME."


class SparkGround:
    """Tables that Spark keeps, each computed once."""

    dialect: Dialect = "spark"

    def __init__(self, session: SparkSession) -> None:
        self._session = session
        self._kept: dict[str, DataFrame] = {}
        door: Any = _Splink  # Splink says no types here
        self.api = door(spark_session=session)
        made: Any = arrow_udf  # its types want more than it needs
        session.udf.register(LIKENESS, made(_likeness(), "double"))

    def write(self, name: str, table: pa.Table) -> None:
        """Write a table from memory."""
        self.drop(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # Spark leaves the socket by which the records go unclosed
            frame = self._session.createDataFrame(table)
        self._keep(name, frame)

    def make(self, name: str, select: str) -> None:
        """Make a table from a question."""
        self.drop(name)
        self._keep(name, self._session.sql(select))

    def append(self, name: str, select: str) -> None:
        """Add rows to a table."""
        self._keep(name, self._session.sql(f"select * from {name} union all {select}"))

    def view(self, name: str, select: str) -> None:
        """Give a question a name."""
        self._session.sql(select).createOrReplaceTempView(name)

    def drop(self, *names: str) -> None:
        """Drop tables."""
        for name in names:
            self._session.catalog.dropTempView(name)
            kept = self._kept.pop(name, None)
            if kept is not None:
                kept.unpersist()

    def ask(self, select: str) -> Numbers:
        """Ask for columns of numbers."""
        table = self._session.sql(select).toArrow()
        return {name: table[name].to_numpy() for name in table.column_names}

    def count(self, name: str) -> int:
        """Return how many rows a table has."""
        return int(self._session.table(name).count())

    def close(self) -> None:
        """Drop everything."""
        self.drop(*list(self._kept))

    def _keep(self, name: str, frame: DataFrame) -> None:
        frame.persist(StorageLevel.MEMORY_AND_DISK)
        frame.count()  # asked now: what it reads may be dropped afterwards
        before = self._kept.get(name)
        frame.createOrReplaceTempView(name)
        self._kept[name] = frame
        if before is not None:
            before.unpersist()


class _Splink(SparkAPI):
    """Splink's door to Spark, without files between its steps: it would write Parquet in clear."""

    def _break_lineage_and_repartition(self, spark_df: DataFrame, templated_name: str, physical_name: str) -> DataFrame:  # noqa: ARG002
        return spark_df


def _likeness() -> Callable[[pa.Array, pa.Array], pa.Array]:
    """Return the function of Spark's Python workers. It is sent to them whole: they need rapidfuzz, and not us."""

    def likeness(one: pa.Array, other: pa.Array) -> pa.Array:
        similarity = JaroWinkler.similarity
        pairs = zip(one.to_pylist(), other.to_pylist(), strict=True)
        found = [None if a is None or b is None else 1.0 if a == b else similarity(a, b) for a, b in pairs]
        return pa.array(found, pa.float64())

    return likeness


@contextmanager
def in_spark(master: str, memory: str, folder: Path) -> Iterator[Ground]:
    """Start Spark for one run, with its files in a folder of its own within `folder`; both are gone afterwards.

    `memory` is that of the driver, such as 4g: on `local[*]` all there is.
    """
    _need_java()
    if SparkContext._active_spark_context is not None:  # noqa: SLF001  # there is no other way to ask
        raise Invalid("Spark runs in this process already: stop that session, then run it again.")
    with _private(folder) as own, _interruptible():
        try:
            with _session(_settings(master, memory, own), own / "start.log") as session:
                ground = SparkGround(session)
                yield ground
                ground.close()
        except (PySparkException, Py4JError) as error:
            raise Unavailable(
                f"Spark gave up ({_named(error)}). Most often it had too little memory: [spark] memory in steelthread.toml "
                f"is {memory}. `steelthread resolve` without --engine spark does the same on this machine."
            ) from None


def _named(error: Exception) -> str:
    """Return what kind of error it is; its text may hold values."""
    condition = error.getCondition() if isinstance(error, PySparkException) else None
    return str(condition or type(error).__name__)


def _is_local(master: str) -> bool:
    return master == "local" or master.startswith("local[")


def _settings(master: str, memory: str, own: Path) -> Mapping[str, str]:
    found = {
        "spark.master": master,
        "spark.app.name": "steelthread",
        "spark.driver.memory": memory,
        "spark.driver.maxResultSize": "0",
        "spark.driver.extraJavaOptions": f'"-Djava.io.tmpdir={own}" -XX:-UsePerfData "-XX:ErrorFile={own}/crash.log"',
        "spark.jars": similarity_jar_location(),
        "spark.local.dir": str(own),
        "spark.io.encryption.enabled": "true",
        "spark.io.encryption.keySizeBits": "256",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": str(own / "warehouse"),
        "spark.eventLog.enabled": "false",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    if _is_local(master):
        found |= {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.shuffle.partitions": str(2 * (os.cpu_count() or 1)),
        }
    return found


@contextmanager
def _session(settings: Mapping[str, str], log: Path) -> Iterator[SparkSession]:
    """Start a Java of our own and Spark in it; neither outlives the block."""
    conf = SparkConf(loadDefaults=False).setAll(list(settings.items()))
    with log.open("wb") as stream:
        try:
            launch: Any = launch_gateway
            gateway = launch(conf, {"stdout": stream, "stderr": stream})
        except PySparkRuntimeError as error:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)  # nor does it close the pipe to a Java that ended
                traceback.clear_frames(error.__traceback__)
            raise Unavailable(f"Spark did not start: {_complaint(log)}") from None
    try:
        context = SparkContext(conf=conf, gateway=gateway)
        context.setLogLevel("OFF")  # what goes wrong from here on may name values
        if _is_local(settings["spark.master"]):
            context.pythonExec = sys.executable
        else:
            need_encrypted_wires(context.getConf())
        session = SparkSession(context)
        try:
            yield session
        finally:
            session.stop()
    finally:
        SparkContext._gateway = SparkContext._jvm = None  # noqa: SLF001  # else the next run would talk to a dead Java
        gateway.shutdown()
        process: subprocess.Popen[bytes] = gateway.proc
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def need_encrypted_wires(said: SparkConf) -> None:
    """Raise Invalid when a cluster would send records over its network in clear."""
    if "true" not in (said.get("spark.network.crypto.enabled"), said.get("spark.ssl.rpc.enabled")):
        raise Invalid(
            "This Spark would send names and contacts over the network in clear: set spark.authenticate and "
            "spark.network.crypto.enabled to true in its spark-defaults.conf."
        )


def _complaint(log: Path) -> str:
    """Return the line of Java's own words that says most, from before it was given anything."""
    lines = [one.strip() for one in log.read_text(encoding="utf-8", errors="replace").split("\n") if one.strip()]
    wrong = [one for one in lines if re.search(r"Error|Exception|error:", one) and not one.startswith("at ")]
    return (wrong or lines or ["it said nothing."])[-1]


def _need_java() -> None:
    home = os.environ.get("JAVA_HOME", "")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not java or not Path(java).exists():
        where = f"JAVA_HOME is {home}, where there is none" if home else "there is none on the path"
        raise Unavailable(f"Spark needs Java {JAVA} or later, and {where}. {_INSTALL}")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    if found and int(found[1]) < JAVA:
        raise Unavailable(f"Spark needs Java {JAVA} or later; {java} is Java {found[1]}. {_INSTALL}")


@contextmanager
def _private(folder: Path) -> Iterator[Path]:
    """Make a folder for one run and take it away; those of runs that were killed go too."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("spark-*"):
        _remove_left(left)
    own = Path(tempfile.mkdtemp(prefix="spark-", dir=folder))
    with (own / "lock").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield own
        finally:
            shutil.rmtree(own, ignore_errors=True)


def _remove_left(left: Path) -> None:
    """Remove a folder unless somebody works in it."""
    try:
        with (left / "lock").open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    except (BlockingIOError, FileNotFoundError):
        return


@contextmanager
def _interruptible() -> Iterator[None]:
    """Give the keyboard's interrupt back to whom it was before: Spark takes it for good."""
    main = threading.current_thread() is threading.main_thread()
    before: Any = signal.getsignal(signal.SIGINT) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGINT, before)
