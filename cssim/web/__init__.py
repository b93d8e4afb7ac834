"""HTTP beside Streamlit: the gate in front of everything, sign-in, images, leases and answers."""
