"""All numbers of a diagnosis, to read and to take along."""

from __future__ import annotations

import functools

import streamlit as st

from fedrot_core.adapters.diagnosis import Diagnosis
from fedrot_core.study.tables import as_csv, as_json

PACK = "../pages/31_lecture_pack.py"


def tables(found: Diagnosis, name: str) -> None:
    """Layers and clients, with downloads.

    Args:
        name: of the files.
    """
    import pandas as pd  # here: a server starts sooner without it

    with st.expander("All numbers", icon=":material/table:"):
        number = st.column_config.NumberColumn
        share = functools.partial(number, format="percent")
        st.dataframe(
            pd.DataFrame(found.rows), hide_index=True,
            column_config={
                "layer": "Layer", "kind": "Kind", "experts": "Experts", "d_out": "Rows", "d_in": "Columns",
                "rank": "Rank",
                "size": number("Size of the update", format="%.3g"),
                "naive_error": share("Naive error"),
                "align_A_error": share("Aligned by A"),
                "align_B_error": share("Aligned by B"),
                "gpa_error": share("Best turn found"),
                "floor_error": share("Rank-r floor"),
                "removed": share("Turning removes"),
                "stays": share("Stays at this rank"),
                "turn": number("Mean turn, of the client turned most", format="%.0f°"),
                "apart_A": number("Subspaces of A apart", format="%.0f°"),
                "apart_B": number("Subspaces of B apart", format="%.0f°"),
            },
        )  # fmt: skip
        clients = [
            {"client": s.client, "size": s.size, "agreement": s.agreement, "note": s.reason} for s in found.standings
        ]
        st.dataframe(
            pd.DataFrame(clients), hide_index=True,
            column_config={
                "client": "Client", "size": number("Size over the median", format="%.2f×"),
                "agreement": number("Cosine with the others", format="%.2f"), "note": "Note",
            },
        )  # fmt: skip
        with st.container(horizontal=True, gap="small"):
            for ending, made in (("csv", lambda: as_csv(found.rows)), ("json", lambda: as_json(found.content))):
                st.download_button(  # made once it is asked for: of many layers it takes a while
                    f"Download {ending.upper()}", made, f"fedrot-diagnosis-{name}.{ending}",
                    on_click="ignore", icon=":material/download:", key=f"diagnose_{ending}",
                )  # fmt: skip
    st.page_link(PACK, label="Make a lecture pack of it", icon=":material/inventory_2:")
