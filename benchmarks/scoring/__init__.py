"""What colouring values and scoring goals costs."""
