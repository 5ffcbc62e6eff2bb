"""Weak scaling: collectives read from HLO, formulas by hand, and shardings that are those of a run."""

import os
import subprocess
import sys

import floors
import jax
import numpy as np
import pytest

from benchmarks import collectives, partitioned, scaling
from benchmarks.collectives import Collective
from jaxgen.core.sharding import Layout, place_state
from jaxgen.core.types import Refused
from jaxgen.techniques.autoencoders import vae
from jaxgen.techniques.text import lstm

HLO = """HloModule jit_update, is_scheduled=true, entry_computation_layout={(f32[8,4]{1,0})->f32[]}

%add (x: f32[], y: f32[]) -> f32[] {
  %x = f32[] parameter(0)
  %y = f32[] parameter(1)
  ROOT %sum = f32[] add(%x, %y)
}

%inner (p: (s32[], f32[8,4])) -> (s32[], f32[8,4]) {
  %p = (s32[], f32[8,4]{1,0}) parameter(0)
  %g = f32[8,4]{1,0} all-gather(%q), channel_id=1, replica_groups=[2,4]<=[4,2]T(1,0), dimensions={0}
  ROOT %t = (s32[], f32[8,4]{1,0}) tuple(%i, %g)
}

%outer (p: (s32[], f32[8,4])) -> (s32[], f32[8,4]) {
  %p.1 = (s32[], f32[8,4]{1,0}) parameter(0)
  %w = (s32[], f32[8,4]{1,0}) while(%p.1), condition=%less, body=%inner, backend_config={"known_trip_count":{"n":"3"}}
  ROOT %c = bf16[6]{0} collective-permute(%b), channel_id=2, source_target_pairs={{0,1},{1,0}}
}

%less (p: (s32[], f32[8,4])) -> pred[] {
  ROOT %yes = pred[] constant(true)
}

ENTRY %main (param: f32[8,4]) -> f32[] {
  %r = (f32[8,4]{1,0}, f32[], /*index=2*/s8[3]{0}) all-reduce(%a, %b, /*index=2*/%c), replica_groups={}, to_apply=%add
  %s = f32[16]{0:T(128)} all-reduce-start(%d), replica_groups={{0,1,2,3},{4,5,6,7}}, to_apply=%add
  %s.1 = f32[16]{0} all-reduce-done(%s)
  %u = ((f32[2]{0}, f32[1]{0}), (f32[16]{0}, f32[8]{0})) all-gather-start(%e, %f), replica_groups=[1,8]<=[8]
  %v = (f32[16]{0}, f32[8]{0}) all-gather-done(%u)
  %k = f32[5]{0} reduce-scatter(%h), replica_groups=mesh['x'=2,'y'=4] {'y'}, dimensions={0}, to_apply=%add
  %m = (u16[7]{0}, u16[7]{0}) all-to-all(%n, %o), replica_groups=mesh['x'=2,'y'=4] {'x'}
  %z = (s32[], f32[8,4]{1,0}) while(%r), condition=%less, body=%outer, backend_config={"known_trip_count":{"n":"10"}}
  ROOT %fine = f32[] fusion(%z), kind=kLoop, calls=%add, metadata={op_name="jit(update)/all-reduce(x)"}
}
"""


def test_every_collective_is_read_as_often_as_it_is_run():
    assert collectives.read(HLO, 8) == [
        Collective("all-reduce", 8 * 4 * 4 + 4 + 3, 8),
        Collective("all-reduce", 64, 4),
        Collective("all-gather", 4 * (16 + 8), 8),
        Collective("reduce-scatter", 4 * 5 * 4, 4),
        Collective("all-to-all", 28, 2),
        Collective("all-gather", 128, 4, 30),
        Collective("collective-permute", 12, 8, 10),
    ]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('"known_trip_count":{"n":"3"}', "", "a loop whose length"),
        ("fusion(%z), kind=kLoop, calls=%add", "conditional(%z), branch_computations={%add, %outer}", "one branch"),
        ("bf16[6]{0} collective", "e8[6]{0} collective", "no size is known of e8"),
        ("{'y'}", "{'y':(1)2}", "no size is known of the groups"),
        ("all-to-all(", "ragged-all-to-all(", "ragged-all-to-all is not counted"),
        ("ENTRY ", "", "no ENTRY"),
    ],
)
def test_what_cannot_be_counted_is_refused(before, after, says):
    assert before in HLO
    with pytest.raises(Refused, match=says):
        collectives.read(HLO.replace(before, after), 8)


def test_bytes_on_a_ring_and_efficiency_by_hand():
    """Of 8 devices each sends 7 pieces of an eighth, and in an all-reduce 14; with 1,000 bytes 875 and 1,750."""
    sent = {kind: Collective(kind, 1000, 8, 2).sent() for kind in collectives.KINDS}
    others = dict.fromkeys(("all-gather", "reduce-scatter", "all-to-all"), 1750.0)
    assert sent == {"all-reduce": 3500.0, **others, "collective-permute": 2000.0}
    assert Collective("all-reduce", 1000, 1).sent() == 0
    takes = scaling.cost(5e9, 10**13, scaling.Flags(link=10.0, rate=20.0))
    assert takes == (0.5, 0.5)
    assert takes.efficiency == 0.5


@pytest.mark.ci
def test_operations_are_those_of_the_formulas():
    """The VAE's by hand; GPT-2's: 6 a token and parameter of products (Kaplan et al. 2020), and attention's own."""
    layers, pixels = 784 * 512 + 512 * 4 + 2 * 512 + 512 * 784, 784 * 512
    assert partitioned.counted(partitioned.NETWORKS["vae"]) == (807_700, 128 * 2 * (3 * layers - pixels))
    parameters, done = partitioned.counted(partitioned.NETWORKS["gpt2"])
    used = 12 * 12 * 768**2 + 50257 * 768
    assert parameters == 124_439_808
    assert done == 8 * 1024 * (6 * used + 12 * 12 * 1024 * 768)


@pytest.mark.ci
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("technique", [vae.tiny()["vae_mlp"], lstm.tiny()["language_lstm"]], ids=["vae", "lstm"])
def test_a_state_without_values_is_where_a_run_places_it(technique, apart):
    mesh, spec = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("data",)), jax.sharding.PartitionSpec
    layout = Layout(*(jax.sharding.NamedSharding(mesh, each) for each in (spec(), spec("data"))), apart)
    placed = place_state(technique, jax.jit(technique.init)(jax.random.key(0)), layout)
    shapes = jax.eval_shape(technique.init, jax.random.key(0))
    specs = lambda shardings: [each.spec for each in jax.tree.leaves(shardings)]
    there = jax.tree.map(lambda leaf: leaf.sharding, placed)
    assert specs(partitioned.whereabouts(technique, shapes, layout)) == specs(there)


@pytest.mark.parametrize(
    ("flag", "says"),
    [("--only=bert", "no network is 'bert'"), ("--devices=8,1", "whole numbers from 2"), ("--link=0", "--link")],
)
def test_flags_that_cannot_be_are_refused(flag, says):
    with pytest.raises(Refused, match=says):
        scaling.main([flag])


@pytest.mark.slow  # a process with eight devices
def test_what_a_vae_sums_is_its_gradient_and_three_metrics():
    command = [sys.executable, "-m", "benchmarks.scaling", "--only=vae", "--devices=8"]
    done = subprocess.run(command, cwd=floors.root(), env=os.environ | {"PYTHONPATH": "."}, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert b"| vae | data | 8 | 1: 3.231 | 0 | 0 | 0 | 0 | 12 |" in done.stdout
    assert b"| vae | params | 8 | 1: 3.231 | 7: 3.231 | 0 | 0 | 0 | 12 |" in done.stdout
